"""Corpora by address: the same documents, the same messages, and no credentials in any of them."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import lzma
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bertcli.core.urls import without_credentials
from bertcli.errors import InputFileError, UserError
from bertcli.text import remote_files
from bertcli.text.corpus import find_files, fingerprint, read_documents


def parquet(*texts: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": list(texts)}), sink)
    return sink.getvalue().to_pybytes()


FILES = {
    "a.txt": b"one\n\ntwo\n",
    "b.txt.gz": gzip.compress("größer\n\nals\n".encode()),
    "sub/c.jsonl": b'{"text": "five"}\n{"text": null}\n',
    "sub/d.csv.xz": lzma.compress(b"id,text\n1,six\n"),
    "sub/e.parquet": parquet("seven", "eight"),
    "sub/notes.pdf": b"x",
    ".hidden/f.txt": b"hidden",
    "bertcli-out/vocab/vocab.txt": b"piece",
}
TEXTS = ["one", "two", "größer", "als", "five", "six", "seven", "eight"]


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word, asks for a password under ``/closed``, and breaks off under ``/broken``."""

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/closed") and self.headers["Authorization"] != "Basic bWU6c2VjcmV0":  # me:secret
            self.send_error(401)
        elif self.path.startswith("/broken"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"some\n" if self.command == "GET" else b"")
        else:
            super().do_GET() if self.command == "GET" else super().do_HEAD()

    do_HEAD = do_GET  # noqa: N815


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """``FILES`` on an HTTP server of this machine: its address and the folder."""
    folder = tmp_path_factory.mktemp("served")
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def memory() -> Iterator[str]:
    """``FILES`` on fsspec's filesystem in memory: the address of their folder."""
    filesystem = fsspec.filesystem("memory")
    for name, data in FILES.items():
        filesystem.pipe(f"/corpus/{name}", data)
    yield "memory://corpus"
    filesystem.rm("/", recursive=True)


@pytest.fixture(params=["memory", "http"])
def base(request: pytest.FixtureRequest) -> str:
    """The address of a folder with ``FILES``, on each of the filesystems that can be tried here."""
    if request.param == "memory":
        return str(request.getfixturevalue("memory"))
    return str(request.getfixturevalue("served")[0])


def texts(*addresses: str, **asked: Any) -> list[str]:
    return [document.text for document in read_documents(find_files(addresses), **asked)]


def refused(*addresses: str, **asked: Any) -> tuple[str, str]:
    with pytest.raises(UserError) as error:
        texts(*addresses, **asked)
    return str(error.value), error.value.hint or ""


# -- what is read


def test_every_format_is_read_by_its_address(base: str):
    names = [name for name in FILES if not name.endswith((".pdf", "f.txt", "vocab.txt"))]
    assert texts(*(f"{base}/{name}" for name in names)) == TEXTS
    assert [document.line for document in read_documents(find_files([f"{base}/a.txt"]))] == [1, 3]


def test_folders_and_patterns_are_read_where_a_filesystem_can_list(base: str):
    names = ["a.txt", "b.txt.gz", "sub/c.jsonl", "sub/d.csv.xz", "sub/e.parquet"]
    assert [str(file).split("corpus/")[-1].removeprefix(f"{base}/") for file in find_files([f"{base}/"])] == names
    assert texts(f"{base}/") == TEXTS
    assert texts(f"{base}/*.txt*") == TEXTS[:4]
    assert texts(f"{base}/**/*.jsonl") == ["five"]


def test_a_folder_in_memory_needs_no_slash(memory: str):
    assert texts(f"{memory}/sub") == TEXTS[4:]
    assert texts(f"{memory}/s*") == TEXTS[4:]


def test_a_file_that_is_named_twice_is_read_once(base: str):
    assert texts(f"{base}/a.txt", f"{base}/a.txt", f"{base}/a*.txt") == ["one", "two"]


def test_files_here_and_elsewhere_are_read_together(base: str, tmp_path: Path):
    (tmp_path / "a.txt").write_text("here\n\nand now")
    assert texts(f"{base}/a.txt", str(tmp_path / "a.txt")) == ["one", "two", "here", "and now"]


def test_a_document_tells_its_address(memory: str):
    (first, _) = read_documents(find_files([f"{memory}/a.txt"]))
    assert (first.path, first.line) == ("memory://corpus/a.txt", 1)


def test_a_large_file_is_read_in_blocks(served: tuple[str, Path]):
    base, folder = served
    line = "text " * 20_000
    (folder / "large.txt").write_text(f"{line}\n" * 60)  # 6 MB: more than a block of any kind
    assert texts(f"{base}/large.txt", documents="line") == [line] * 60


def test_a_packed_file_is_unpacked_once_though_the_server_calls_it_encoded(
    served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    end_headers = Handler.end_headers
    monkeypatch.setattr(
        Handler, "end_headers", lambda self: (self.send_header("Content-Encoding", "gzip"), end_headers(self))
    )
    assert texts(f"{served[0]}/b.txt.gz") == ["größer", "als"]


# -- what is told


def test_faults_in_a_remote_file_are_said_as_of_any_other():
    filesystem = fsspec.filesystem("memory")
    cut = gzip.compress(str(list(range(20_000))).encode())
    filesystem.pipe({"/x/bad.txt": b"one\n\ntw\xffo", "/x/cut.txt.gz": cut[: len(cut) // 2], "/x/no.txt.gz": b"text"})
    filesystem.pipe({"/x/bad.jsonl": b'{"text": "a"}\n{"text"\n', "/x/no.parquet": b"text", "/x/blank.txt": b" \n"})
    hint = "--errors replace reads it with U+FFFD there, or convert the file with `iconv -t UTF-8`"
    assert refused("memory://x/bad.txt") == ("memory://x/bad.txt: not UTF-8: byte 0xff at offset 7", hint)
    assert texts("memory://x/bad.txt", errors="replace") == ["one", "tw\ufffdo"]
    assert refused("memory://x/cut.txt.gz") == (
        "memory://x/cut.txt.gz: the compressed file ends too early",
        "it was cut off; make or fetch it again",
    )
    assert refused("memory://x/no.txt.gz")[0].startswith("memory://x/no.txt.gz: not a valid .gz file: ")
    assert refused("memory://x/bad.jsonl")[0].startswith("memory://x/bad.jsonl:2: not a line of JSON: ")
    assert refused("memory://x/no.parquet")[0].startswith("memory://x/no.parquet: not a Parquet file: ")
    assert refused("memory://x/blank.txt")[0] == "no document in the corpus: memory://x/blank.txt"
    assert refused("memory://x/a.jsonl", documents="line")[0] == "memory://x/a.jsonl: no such file"


KNOWN = "known suffixes: .txt, .text, .md, .jsonl, .csv, .tsv, .parquet; each also with .gz, .zst, .xz"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("gone.txt", "no such file", ""),
        ("sub/notes.pdf", "a file of no known format: .pdf", KNOWN),
        ("*.csv", "the pattern matches nothing", KNOWN),
        ("sub/*.pdf", "the pattern matches only files of no known format", KNOWN),
        (".hidden/", "", ""),
    ],
)
def test_what_cannot_be_found_is_said(name: str, message: str, hint: str, base: str):
    if not message:  # a hidden folder that is named is read
        assert texts(f"{base}/{name}") == ["hidden"]
        return
    assert refused(f"{base}/{name}") == (f"{base}/{name}: {message}", hint)


def test_a_folder_with_nothing_to_read_is_said(memory: str):
    fsspec.filesystem("memory").pipe("/empty/a.pdf", b"x")
    assert refused("memory://empty") == ("memory://empty: no file of a known format in this folder", KNOWN)


def test_a_file_that_vanishes_between_two_readings_is_said(memory: str):
    files = find_files([f"{memory}/a.txt"])
    fsspec.filesystem("memory").rm("/corpus/a.txt")
    with pytest.raises(InputFileError, match=r"memory://corpus/a\.txt: no such file"):
        list(read_documents(files))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.txt", "http://127.0.0.1:9/", "http://127.0.0.1:9/*.txt"])
def test_a_server_that_is_not_there_is_said_in_one_line(address: str):
    message, hint = refused(address)
    assert message.startswith(f"{address}: cannot be read: ")
    assert "\n" not in message + hint


def test_a_download_that_breaks_off_is_said(served: tuple[str, Path]):
    message, _ = refused(f"{served[0]}/broken.txt")
    assert message.startswith(f"{served[0]}/broken.txt: cannot be read: ")
    assert "\n" not in message


def test_a_server_that_refuses_is_quoted_and_a_password_in_the_address_opens_it(served: tuple[str, Path]):
    base, folder = served
    (folder / "closed").mkdir()
    (folder / "closed" / "a.txt").write_text("inside\n\nhere")
    assert refused(f"{base}/closed/a.txt") == (
        f"{base}/closed/a.txt: cannot be read: the server answers 401",
        "an address may hold user:password@, and a .netrc file is read",
    )
    assert texts(f"{base.replace('//', '//me:secret@')}/closed/a.txt?signature=secret") == ["inside", "here"]
    for name in ("closed/gone.txt", "closed/a.pdf", "broken.txt"):
        message, hint = refused(f"{base.replace('//', '//me:secret@')}/{name}?signature=secret")
        assert message.startswith(f"{base}/{name}?…: ")
        assert "secret" not in message + hint


@pytest.mark.parametrize(("scheme", "module", "package"), [("s3", "s3fs", "s3fs"), ("gs", "gcsfs", "gcsfs")])
def test_a_missing_package_is_named(scheme: str, module: str, package: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, module, None)
    assert refused(f"{scheme}://bucket/a.txt") == (
        f"{scheme}://bucket/a.txt: reading {scheme}:// needs the package {package}",
        f"pip install {package}",
    )


def test_a_missing_aiohttp_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    assert refused("https://host.example/a.txt") == (
        "https://host.example/a.txt: reading https:// needs the package aiohttp",
        "pip install aiohttp",
    )


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (RuntimeError("Unable to locate credentials\nand more"), "cannot be read: Unable to locate credentials"),
        (PermissionError(13, "Access Denied"), "cannot be read: Access Denied"),
        (ValueError("for https://me:secret@host/a?sig=secret no"), "cannot be read: for https://host/a?… no"),
        (TimeoutError(), "cannot be read: TimeoutError"),
        (FileNotFoundError("b/a.txt"), "no such file"),
    ],
)
def test_whatever_a_filesystem_raises_is_one_line(fault: Exception, message: str):
    class Filesystem:
        protocol = ("s3", "s3a")

        def open(self, *_: Any) -> Any:
            raise fault

    with pytest.raises(InputFileError) as error:
        remote_files.RemoteFile("s3://b/a.txt", "b/a.txt", Filesystem()).open()
    assert str(error.value) == f"s3://b/a.txt: {message}"


def test_an_unknown_kind_of_address_is_said():
    assert refused("foo://me:secret@a/b.txt") == ("foo://a/b.txt: cannot be read: Protocol not known: foo", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pa@ss@host/a.txt", "https://host/a.txt"),
        ("https://token@host/a.txt", "https://host/a.txt"),
        ("https://host/a.txt?X-Amz-Signature=abc&b=c", "https://host/a.txt?…"),
        ("https://host/a.txt?abc", "https://host/a.txt?…"),
        ("az://box/a.txt?sig=abc", "az://box/a.txt?…"),
        ("s3://box/part-?.txt", "s3://box/part-?.txt"),
        ("hf://datasets/me/data@main/a.txt", "hf://datasets/me/data@main/a.txt"),
        ("hf://gpt2@main/vocab.txt", "hf://gpt2@main/vocab.txt"),
        ("abfs://data@account.dfs.core.windows.net/c.txt", "abfs://data@account.dfs.core.windows.net/c.txt"),
        ("abfss://data@account.host/c.txt?sig=abc", "abfss://data@account.host/c.txt?…"),
        ("wasb://data@account.host/c.txt", "wasb://data@account.host/c.txt"),
        ("wasbs://data@account.host/c.txt", "wasbs://data@account.host/c.txt"),
        ("abfs://me:pa@ss@account.host/c.txt", "abfs://account.host/c.txt"),
        ("simplecache::https://me:pass@host/a.txt", "simplecache::https://host/a.txt"),
        ("403, url='https://me:pass@host/a.txt?sig=abc' it says", "403, url='https://host/a.txt?…' it says"),
    ],
)
def test_addresses_are_shown_without_credentials(text: str, shown: str):
    assert without_credentials(text) == shown


# -- fingerprints


def test_a_fingerprint_knows_when_a_remote_file_has_changed(served: tuple[str, Path], memory: str):
    base, folder = served
    (folder / "changing.txt").write_text("before")
    before = fingerprint(find_files([f"{base}/changing.txt"]))
    assert fingerprint(find_files([f"{base}/changing.txt"])) == before
    (folder / "changing.txt").write_text("after it")
    assert fingerprint(find_files([f"{base}/changing.txt"])) != before
    first = fingerprint(find_files([f"{memory}/a.txt"]))
    assert fingerprint(find_files([f"{memory}/a.txt"])) == first
    fsspec.filesystem("memory").pipe("/corpus/a.txt", b"ONE\n\nTWO\n")
    assert fingerprint(find_files([f"{memory}/a.txt"])) != first


def test_the_facts_that_filesystems_tell_of_a_version_are_known_by_any_of_their_names():
    class Filesystem:
        def __init__(self, **facts: Any) -> None:
            self.facts = facts

        def info(self, _: str) -> dict[str, Any]:
            return {"name": "a", "type": "file", "size": 3, **self.facts}

    def version(**facts: Any) -> str:
        return remote_files.RemoteFile("s3://b/a.txt", "b/a.txt", Filesystem(**facts)).version()

    for key in ("ETag", "etag", "LastModified", "Last-Modified", "last_modified", "mtime", "updated", "blob_id"):
        assert version(**{key: "1"}) != version(**{key: "2"}), key
    assert version(StorageClass="cold", islink=False) == version()


def test_a_remote_file_that_changes_is_looked_at_again_for_blank_lines():
    filesystem = fsspec.filesystem("memory")
    filesystem.pipe("/y/a.txt", b"one\ntwo\n")
    assert texts("memory://y/a.txt") == ["one", "two"]
    filesystem.pipe("/y/a.txt", b"one\ntwo\n\nthree\n")
    assert texts("memory://y/a.txt") == ["one\ntwo", "three"]


# -- the commands


def test_the_commands_take_addresses_and_write_no_credentials(
    served: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from bertcli.cli.app import run

    monkeypatch.chdir(tmp_path)
    base, folder = served
    (folder / "corpus.txt").write_text("\n\n".join(f"Document {number} is here. It is short." for number in range(20)))
    address = f"{base.replace('//', '//me:secret@')}/corpus.txt?signature=secret"
    assert run(["vocab", "build", address, "--json"]) == 0
    assert run(["mask", "build", address, "--json"]) == 0
    captured = capsys.readouterr()
    assert f"next: bertcli mask build '{base}/corpus.txt?…'" in captured.err
    assert "secret" not in captured.out + captured.err
    for name in ("vocab", "data"):
        manifest = Path("bertcli-out", name, "manifest.json").read_text()
        assert json.loads(manifest)["config"]["corpus"] == [f"{base}/corpus.txt?…"]
        assert "secret" not in manifest
    assert run(["mask", "build", f"{base}/gone.txt", "-o", "new"]) == 2
    assert capsys.readouterr().err == f"error: {base}/gone.txt: no such file\n"
    assert not Path("new").exists()


@pytest.mark.parametrize("as_json", [[], ["--json"]])
@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["vocab", "build", "ADDRESS", "-o", "new"], "new"),
        (["vocab", "extend", "base", "--on", "ADDRESS", "-o", "new"], "new"),
        (["vocab", "compare", "base", "base", "--on", "ADDRESS"], None),
        (["vocab", "compare", "base", "base", "--on", "ADDRESS", "--train", "ADDRESS"], None),
        (["mask", "build", "ADDRESS", "--vocab", "base", "-o", "new"], "new"),
    ],
)
def test_no_command_shows_user_password_or_query(
    command: list[str],
    output: str | None,
    as_json: list[str],
    served: tuple[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    from bertcli.cli.app import run

    monkeypatch.chdir(tmp_path)
    base, folder = served
    (folder / "trees.txt").write_text("\n\n".join(f"Tree {number} is here. It is tall." for number in range(20)))
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    Path("base").mkdir()
    Path("base", "vocab.txt").write_text("\n".join([*specials, *"abcdefhilrst", *(f"##{x}" for x in "aehilrst")]))
    asked = f"{base.replace('//', '//someone:secret@')}/NAME?signature=sigsig"
    for name, code in (("trees.txt", 0), ("gone.txt", 2)):
        address = asked.replace("NAME", name)
        words = [address if word == "ADDRESS" else word for word in command]
        assert run([*words, *as_json, "--overwrite"] if output else [*words, *as_json]) == code
        captured = capsys.readouterr()
        written = "".join(file.read_text() for file in tmp_path.rglob("*.json"))
        for secret in ("someone", "secret", "sigsig"):
            assert secret not in captured.out + captured.err + written
        if code == 0 and output:
            assert json.loads(Path(output, "manifest.json").read_text())["config"]["corpus"] == [f"{base}/{name}?…"]
        if code == 0 and as_json and not output:
            assert json.loads(captured.out)["on"] == [f"{base}/{name}?…"]


@pytest.mark.parametrize(
    "command",
    [
        ["vocab", "build", "a.txt", "--set", "corpus=https://someone:secret@host/a.txt?signature=sigsig"],
        ["vocab", "extend", "https://someone:secret@host/vocab?signature=sigsig", "--on", "a.txt"],
        ["vocab", "compare", "b", "https://someone:secret@host/v?signature=sigsig", "--on", "a.txt"],
        ["vocab", "compare", "b", "c", "--set", "on=https://someone:secret@host/a.txt?signature=sigsig"],
        ["mask", "build", "a.txt", "--vocab", "https://someone:secret@host/vocab?signature=sigsig"],
    ],
)
def test_an_address_that_stands_in_a_wrong_place_is_told_without_credentials(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    from bertcli.cli.app import run

    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("a\n")
    for name in "bc":
        Path(name).mkdir()
        Path(name, "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    assert run(command) == 2
    captured = capsys.readouterr()
    assert "://host/" in captured.err
    for secret in ("someone", "secret", "sigsig"):
        assert secret not in captured.out + captured.err


def test_only_an_address_loads_the_libraries_that_read_it():
    code = (
        "import sys; from bertcli.cli.app import run; run(['--help']); run(['vocab', 'build', '--help'])\n"
        "print(sorted({'fsspec', 'aiohttp'} & set(sys.modules)), file=sys.stderr)\n"
        "import bertcli.text.corpus\n"
        "bertcli.text.corpus.find_files([bertcli.__file__.replace('__init__.py', 'text')])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert output.stderr.splitlines()[0] == "[]"
