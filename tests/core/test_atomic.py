import errno
import subprocess
import sys
from pathlib import Path

import pytest

from bertcli.core import atomic
from bertcli.errors import InputFileError, OutputError


def test_a_directory_appears_whole_or_not_at_all(tmp_path):
    with pytest.raises(RuntimeError), atomic.new_directory(tmp_path / "out") as partial:
        (partial / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with atomic.new_directory(tmp_path / "out") as partial:
        (partial / "whole").write_text("x")
        assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_replacing_a_directory_keeps_the_old_one_until_the_new_one_is_whole(tmp_path):
    with atomic.new_directory(tmp_path / "out") as partial:
        (partial / "file").write_text("old")
    with pytest.raises(RuntimeError), atomic.new_directory(tmp_path / "out", overwrite=True):
        raise RuntimeError
    assert (tmp_path / "out" / "file").read_text() == "old"
    with atomic.new_directory(tmp_path / "out", overwrite=True) as partial:
        (partial / "file").write_text("new")
    assert (tmp_path / "out" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_one_clear_line(tmp_path):
    with pytest.raises(OutputError, match="the disk is full"), atomic.new_file(tmp_path / "file"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert list(tmp_path.iterdir()) == []


def test_the_current_directory_is_no_output(tmp_path, monkeypatch):
    inside = tmp_path / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    for path in (Path(), Path(".."), tmp_path):
        with pytest.raises(OutputError, match="cannot be the current directory or one above it"):
            atomic.check_output_dir(path, overwrite=True)


def test_overwriting_takes_nothing_that_bertcli_did_not_write(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "summer.jpg").write_text("x")
    with pytest.raises(OutputError, match="holds files that bertcli did not write"):
        atomic.check_output_dir(tmp_path / "photos", overwrite=True)


def test_overwriting_never_takes_an_input(tmp_path):
    run = tmp_path / "run"
    (run / "model").mkdir(parents=True)
    (run / "manifest.json").write_text("{}")
    with pytest.raises(OutputError, match="holds an input"):
        atomic.check_output_dir(run, overwrite=True, inputs=[run / "model"])
    atomic.check_output_dir(run, overwrite=True, inputs=[tmp_path / "elsewhere"])


def test_a_failure_leaves_what_can_be_continued_and_an_error_of_the_users_does_not(tmp_path):
    with pytest.raises(RuntimeError), atomic.resumable_directory(tmp_path / "out") as partial:
        (partial / "half").write_text("x")
        raise RuntimeError
    assert not (tmp_path / "out").exists()
    with pytest.raises(OutputError, match="the disk is full"), atomic.resumable_directory(tmp_path / "out") as partial:
        assert (partial / "half").read_text() == "x"
        with atomic.new_file(partial / "file"):
            raise OSError(errno.ENOSPC, "No space left on device")
    with atomic.resumable_directory(tmp_path / "out") as partial:
        (partial / "whole").write_text("y")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["half", "whole"]
    with pytest.raises(InputFileError), atomic.resumable_directory(tmp_path / "other"):
        raise InputFileError("no good")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_error_of_the_users_leaves_finished_work(tmp_path):
    def has_work(partial):
        return (partial / "done").exists()

    with pytest.raises(InputFileError), atomic.resumable_directory(tmp_path / "out", has_work=has_work) as partial:
        (partial / "done").write_text("x")
        raise InputFileError("the connection broke")
    with atomic.resumable_directory(tmp_path / "out", has_work=has_work) as partial:
        (partial / "done").unlink()
    with pytest.raises(InputFileError), atomic.resumable_directory(tmp_path / "other", has_work=has_work):
        raise InputFileError("no good")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_says_that_the_work_can_be_continued(tmp_path):
    with pytest.raises(OutputError) as caught, atomic.resumable_directory(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.hint == "free some room: the same command then continues"


def test_two_processes_do_not_write_the_same(tmp_path):
    holding = (
        "import fcntl, sys; file = open(sys.argv[1], 'ab'); fcntl.lockf(file, fcntl.LOCK_EX);"
        "print('held', flush=True); sys.stdin.read()"
    )
    partial = atomic.partial_path(tmp_path / "out")
    partial.mkdir()
    command = [sys.executable, "-c", holding, str(partial / atomic.LOCK_NAME)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(OutputError, match="another process is writing this") as caught,
            atomic.resumable_directory(tmp_path / "out"),
        ):
            raise AssertionError
        assert caught.value.hint == "wait for it, or choose another place with -o"
        assert partial.is_dir()
        other.stdin.close()
    with atomic.resumable_directory(tmp_path / "out"):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_json_that_is_no_json_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "file.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["{}", "file://{}"])
def test_an_output_that_holds_an_input_is_never_replaced(address, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "manifest.json").write_text("{}")
    corpus = address.format(output / "corpus.txt")
    (output / "corpus.txt").write_text("text")
    with pytest.raises(OutputError, match="the output directory holds an input, "):
        atomic.check_output_dir(output, overwrite=True, inputs=["https://host/corpus.txt", corpus])
