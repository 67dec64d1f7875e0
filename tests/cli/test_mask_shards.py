"""``mask build`` in shards: continued, shared among jobs and merged, appended to, checked when it is opened."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest

from bertcli.data import building, corpus_shards
from bertcli.data.token_store import DataDirectory, TokenStore, open_split
from bertcli.errors import ConfigError, DataError, InputFileError, RunError

BUILD = ("mask", "build", "corpus.txt", "--shard-size", "2kB", "--held-out", "10%")


def contents(directory) -> dict[str, bytes]:
    """Every file of a directory by its name."""
    directory = Path(directory)
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def manifest(directory):
    return json.loads(Path(directory, "manifest.json").read_text())


def texts(directory, split="train"):
    data = DataDirectory.open(Path(directory))
    store = open_split(data, split)
    starts = store.document_starts
    return [tuple(store.read(*starts[n : n + 2]).tolist()) for n in range(store.documents)]


def succeed(bertcli, *arguments):
    outcome = bertcli(*arguments)
    assert outcome.code == 0, outcome.err
    return outcome


def bad(bertcli, *arguments):
    outcome = bertcli(*arguments)
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    message, hint = outcome.err.splitlines()[-2:]
    assert message.startswith("error: ")
    assert hint.startswith("hint: ")
    return message, hint


@pytest.fixture
def whole(workplace, bertcli):
    """``whole``: a store of several shards, built at once."""
    succeed(bertcli, *BUILD, "-o", "whole")
    return workplace


def test_a_store_has_several_shards_that_datasets_opens(whole):
    listed = manifest("whole")["shards"]
    assert len(listed["train"]) > 3
    opened = datasets.load_from_disk("whole")
    for split, files in listed.items():
        assert [file["file"] for file in files] == sorted(path.name for path in Path("whole", split).glob("*.arrow"))
        assert all(file["documents"] for file in files)
        for name in ("documents", "sentences", "tokens"):
            assert sum(file[name] for file in files) == manifest("whole")["counts"][split][name]
        rows = [tuple(row["input_ids"]) for row in opened[split]]
        assert rows == texts("whole", split)
        assert len(rows) == manifest("whole")["counts"][split]["documents"]
    assert opened["heldout"].num_rows >= 1


def test_the_size_of_shards_changes_neither_documents_nor_their_order(whole, bertcli):
    succeed(bertcli, "mask", "build", "corpus.txt", "--held-out", "10%", "-o", "one")
    assert len(manifest("one")["shards"]["train"]) == 1
    for split in ("train", "heldout"):
        assert texts("one", split) == texts("whole", split)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_number_of_processes_changes_no_byte(whole, bertcli, workers, monkeypatch):
    monkeypatch.setattr(building, "_CHARACTERS_PER_CALL", 700)
    succeed(bertcli, *BUILD, "--workers", workers, "-o", "other")
    assert contents("other") == contents("whole")


def test_a_shard_is_written_batch_by_batch(whole, bertcli, monkeypatch):
    monkeypatch.setattr("bertcli.data.token_store._TOKENS_PER_RECORD_BATCH", 50)
    succeed(bertcli, *BUILD, "-o", "batches")
    assert texts("batches") == texts("whole")


# Checks when data are opened


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda file: file.unlink(), "the file is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-8]), "truncated: {0:,} of {1:,} bytes are there"),
        (
            lambda file: file.write_bytes(file.read_bytes()[:-9] + b"\1" + file.read_bytes()[-8:]),
            "changed since it was written: its SHA-256 is not the manifest's",
        ),
        (lambda file: file.write_bytes(file.read_bytes() + b"\0"), "changed since it was written"),
    ],
    ids=["missing", "truncated", "edited", "longer"],
)
def test_a_shard_that_is_not_as_it_was_written_is_named(whole, bertcli, damage, message):
    file = Path("whole/train/data-00002.arrow")
    size = file.stat().st_size
    damage(file)
    expected = f"error: whole/train/data-00002.arrow: {message.format(size - 8, size)}"
    error, hint = bad(bertcli, "mask", "show", "--data", "whole")
    assert error.startswith(expected)
    assert hint == "hint: build the data again with `bertcli mask build`"


def test_data_from_before_there_were_shards_are_told_as_such(whole, bertcli):
    facts = manifest("whole")
    del facts["shards"]
    Path("whole/manifest.json").write_text(json.dumps(facts))
    error, hint = bad(bertcli, "mask", "show", "--data", "whole")
    assert error == "error: whole: written by an earlier bertcli, whose data this one does not read"
    assert hint == "hint: build the data again with `bertcli mask build CORPUS`"


def test_a_manifest_without_counts_is_of_no_use(whole, bertcli):
    facts = manifest("whole")
    del facts["counts"]
    Path("whole/manifest.json").write_text(json.dumps(facts))
    error, hint = bad(bertcli, "mask", "show", "--data", "whole")
    assert error == "error: whole: its manifest lacks 'counts'"
    assert hint == "hint: make it again with `bertcli mask build CORPUS`"


def test_an_empty_split_has_the_columns_of_the_others(workplace, bertcli):
    succeed(bertcli, "mask", "build", "corpus.txt", "--held-out", 0, "--words", "spaces", "-o", "none")
    store = open_split(DataDirectory.open(Path("none")), "heldout")
    assert (store.documents, store.columns) == (0, {"word_starts"})
    assert datasets.load_from_disk("none")["heldout"].num_rows == 0


# Held out


def test_the_document_with_the_smallest_hash_moves_out_of_its_shard(workplace, bertcli):
    from bertcli.text.document_hash import document_hash

    documents = Path("corpus.txt").read_text().strip().split("\n\n")
    least = min(documents, key=document_hash)
    Path("twice.txt").write_text("\n\n".join([least, *documents]) + "\n")
    build = ("mask", "build", "twice.txt", "--shard-size", "2kB", "--held-out")
    succeed(bertcli, *build, "1e-9", "-o", "one")
    succeed(bertcli, *build, 0, "-o", "none")
    everything = texts("none")
    assert len(everything) == 61
    held_out = texts("one", "heldout")
    assert held_out == [everything[0]] * 2
    assert texts("one") == [text for text in everything if text != everything[0]]
    assert manifest("one")["held_out"]["key"] == document_hash(least)
    assert len(manifest("one")["shards"]["heldout"]) == 2  # both copies, each in its shard
    assert datasets.load_from_disk("one")["heldout"].num_rows == 2
    assert not list(Path("one").rglob("*.new"))


# A build that was stopped


def stop_after(monkeypatch, shards, error):
    """Have a build fail when so many shards are noted."""
    from bertcli.data.finished_shards import Notes

    add = Notes.add

    def add_or_stop(self, shard):
        if len(self.shards) == shards:
            raise error
        add(self, shard)

    monkeypatch.setattr(Notes, "add", add_or_stop)
    return lambda: monkeypatch.setattr(Notes, "add", add)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt(), "interrupted"),
        (OSError(28, "No space left on device"), "the disk is full"),
        (RunError("a worker process was killed"), "a worker process was killed"),
        (ConfigError("no Dask scheduler answers"), "no Dask scheduler answers"),
        (InputFileError("cut off by the server"), "cut off by the server"),
    ],
    ids=["interrupted", "full", "worker", "scheduler", "remote file"],
)
def test_what_was_stopped_continues_after_the_last_whole_shard(whole, bertcli, monkeypatch, error, said):
    resume = stop_after(monkeypatch, 2, error)
    outcome = bertcli(*BUILD, "-o", "again")
    assert outcome.code != 0
    assert said in outcome.err
    assert "note: 2 shards are done: the same command continues there" in outcome.err
    assert not Path("again").exists()
    resume()
    encoded = []
    encoder = building.ChunkEncoder.__call__
    monkeypatch.setattr(
        building.ChunkEncoder, "__call__", lambda self, chunk: encoded.append(1) or encoder(self, chunk)
    )
    outcome = succeed(bertcli, *BUILD, "--workers", 1, "-o", "again")
    done = sum(
        file["documents"]
        for files in manifest("whole")["shards"].values()
        for file in files
        if file["file"] < "data-00002.arrow"
    )
    assert f"note: continuing after shard 2: {done} documents are done" in outcome.err
    assert len(encoded) == len(manifest("whole")["shards"]["train"]) - 2
    assert contents("again") == contents("whole")
    assert not Path(".again.partial").exists()


def test_another_build_does_not_continue_what_was_stopped(whole, bertcli, monkeypatch):
    stop_after(monkeypatch, 2, KeyboardInterrupt())()
    resume = stop_after(monkeypatch, 2, KeyboardInterrupt())
    assert bertcli(*BUILD, "-o", "again").code == 130
    resume()
    outcome = succeed(bertcli, *BUILD, "--seed", 7, "-o", "again")
    assert "what an earlier build left is of another corpus, vocabulary or settings: starting anew" in outcome.err
    assert "continuing" not in outcome.err
    assert manifest("again")["seed"] == 7


def test_a_shard_that_was_damaged_since_is_made_again(whole, bertcli, monkeypatch):
    resume = stop_after(monkeypatch, 3, KeyboardInterrupt())
    assert bertcli(*BUILD, "-o", "again").code == 130
    resume()
    file = Path(".again.partial/train/data-00001.arrow")
    file.write_bytes(file.read_bytes()[:50])
    with Path(".again.partial/progress.jsonl").open("a") as notes:
        notes.write('{"name": [0, ')  # as the machine stopped
    assert "continuing after shard 2: " in succeed(bertcli, *BUILD, "-o", "again").err
    assert contents("again") == contents("whole")


def test_an_error_of_the_users_before_any_shard_leaves_nothing(whole, bertcli):
    text = Path("corpus.txt").read_bytes()
    Path("bad.txt").write_bytes(text + b"\n\nbroken \xff text\n")
    error, hint = bad(bertcli, "mask", "build", "bad.txt", "--shard-size", "2kB", "-o", "again")
    assert "not UTF-8" in error
    assert "--errors replace" in hint
    assert not Path(".again.partial").exists()


def test_what_is_dropped_is_counted_alike_when_a_build_continues(workplace, bertcli, monkeypatch):
    text = Path("corpus.txt").read_text()
    Path("twice.txt").write_text("short\n\n" + text + "\n\n" + text)
    build = (
        "mask",
        "build",
        "twice.txt",
        "--shard-size",
        "2kB",
        "--deduplicate",
        "--min-characters",
        10,
        "--limit",
        50,
    )
    succeed(bertcli, *build, "-o", "once")
    resume = stop_after(monkeypatch, 2, KeyboardInterrupt())
    assert bertcli(*build, "-o", "again").code == 130
    resume()
    succeed(bertcli, *build, "-o", "again")
    assert manifest("again")["dropped"] == {"duplicates": 0, "short": 1}
    assert contents("again") == contents("once")


@pytest.mark.slow  # starts the program three times
def test_a_build_that_was_killed_continues(workplace, bertcli):
    text = Path("corpus.txt").read_text()
    Path("large.txt").write_text("\n\n".join(f"{text}\n\nThis is copy {n}." for n in range(400)))
    command = [sys.executable, "-m", "bertcli", "mask", "build", "large.txt", "--shard-size", "20kB", "--workers", "2"]
    process = subprocess.Popen([*command, "-o", "killed", "-q"], stderr=subprocess.DEVNULL)
    notes = Path(".killed.partial/progress.jsonl")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not notes.is_file() or notes.read_text().count("\n") < 5):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not Path("killed").exists()
    again = subprocess.run([*command, "-o", "killed"], capture_output=True, text=True, env=os.environ)
    assert again.returncode == 0
    assert "note: continuing after shard " in again.stderr
    succeed(bertcli, *command[3:], "-o", "at-once")
    assert contents("killed") == contents("at-once")


# Several jobs


def build_parts(bertcli, of, *options):
    for number in range(1, of + 1):
        succeed(bertcli, *BUILD, *options, "--shard", f"{number}/{of}", "-o", f"part{number}")
    return [f"part{number}" for number in range(1, of + 1)]


@pytest.mark.parametrize("of", [1, 3])
@pytest.mark.parametrize("held_out", ["10%", "1e-9"])
def test_parts_become_the_bytes_of_one_build(workplace, bertcli, of, held_out):
    succeed(bertcli, *BUILD, "--held-out", held_out, "-o", "whole")
    parts = build_parts(bertcli, of, "--held-out", held_out, "--min-characters", 70)
    succeed(bertcli, *BUILD, "--held-out", held_out, "--min-characters", 70, "-o", "whole", "--overwrite")
    report = succeed(bertcli, "mask", "merge", *reversed(parts), "-o", "data", "--json").json()
    assert contents("data") == contents("whole")
    assert report["documents"] == manifest("whole")["counts"]["train"]["documents"]
    assert report["dropped"] == manifest("whole")["dropped"]


@pytest.fixture
def several_files(workplace, monkeypatch):
    """``corpus``: five files, in three groups."""
    monkeypatch.setattr(corpus_shards, "SMALLEST_GROUP_BYTES", 4000)
    documents = Path("corpus.txt").read_text().strip().split("\n\n")
    Path("corpus").mkdir()
    for number in range(5):
        Path(f"corpus/{number}.txt").write_text("\n\n".join(documents[number * 12 : number * 12 + 12]) + "\n")
    sizes = [path.stat().st_size for path in sorted(Path("corpus").iterdir())]
    assert corpus_shards.group_files(sizes) == [0, 0, 1, 1, 1]
    return workplace


@pytest.mark.parametrize("of", [1, 2, 3])
def test_jobs_that_own_whole_files_or_take_turns_make_the_same_data(several_files, bertcli, of):
    build = ("mask", "build", "corpus", "--shard-size", "1kB", "--held-out", "10%", "--min-characters", 200)
    succeed(bertcli, *build, "-o", "whole")
    for number in range(1, of + 1):
        succeed(bertcli, *build, "--shard", f"{number}/{of}", "-o", f"part{number}")
    assert len(manifest("part1")["files"]) == {1: 5, 2: 2, 3: 5}[of]
    succeed(bertcli, "mask", "merge", *(f"part{number}" for number in range(1, of + 1)), "-o", "data")
    assert manifest("data")["dropped"]["short"] > 0
    assert contents("data") == contents("whole")


def test_files_form_groups_that_are_worth_a_job():
    million = 10**6
    assert corpus_shards.group_files([100 * million, 200 * million, 300 * million, 10 * million]) == [0, 0, 1, 1]
    assert corpus_shards.group_files([10, 20]) == [0, 0]
    assert corpus_shards.group_files([256 * million] * 3) == [0, 1, 2]
    assert corpus_shards.group_files([300 * million, None, 300 * million]) == [0, 0, 0]


def test_a_part_is_no_data_yet(workplace, bertcli):
    outcome = succeed(bertcli, *BUILD, "--shard", "2/3", "-o", "part2")
    assert "data: part2, part 2/3" in outcome.out
    assert "note: next: build the other parts; when all 3 are there, mask merge joins them\n" in outcome.err
    for command in ("show", "audit"):
        error, hint = bad(bertcli, "mask", command, "--data", "part2")
        assert "this is a data-part directory, expected data" in error
        assert hint == "hint: it is one of several parts: join all of them with `bertcli mask merge PART...`"
    error, hint = bad(bertcli, "mask", "merge", "bertcli-out/data", "-o", "data")
    assert "this is a data directory, expected data-part" in error
    assert hint == "hint: make one with `bertcli mask build CORPUS --shard N/M`"


def test_a_build_of_one_part_says_how_to_make_data_of_it(workplace, bertcli):
    outcome = succeed(bertcli, *BUILD, "--shard", "1/1", "-o", "the part")
    assert "note: next: bertcli mask merge 'the part'\n" in outcome.err
    succeed(bertcli, "mask", "merge", "the part", "--overwrite")


def test_parts_that_are_missing_or_twice_are_named(workplace, bertcli):
    one, two, three, four = build_parts(bertcli, 4)
    error, hint = bad(bertcli, "mask", "merge", one, three, "-o", "data")
    assert error == "error: parts 2, 4 of 4 are missing"
    assert hint == "hint: build what is missing with --shard 2/4, or name it"
    assert bad(bertcli, "mask", "merge", one, two, three, "-o", "data")[0] == "error: part 4 of 4 is missing"
    error, hint = bad(bertcli, "mask", "merge", one, two, three, four, two, "-o", "data")
    assert error == "error: part2: part 2/4 is there twice, also as part2"
    assert hint == "hint: name it once"
    assert not Path("data").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--seed", 3), "--seed 3, but part1 with 0"),
        (("--sentences", "line"), "--sentences line, but part1 with split"),
        (("--limited",), "a corpus of 1 files, "),
        (("--vocab", "other"), "the vocabulary "),
        (("--shard", "2/3"), "parts in all: 3, but part1 with 2"),
    ],
    ids=["seed", "sentences", "corpus", "vocabulary", "of"],
)
def test_parts_of_different_builds_are_not_joined(workplace, bertcli, options, said):
    succeed(bertcli, *BUILD, "--shard", "1/2", "-o", "part1")
    succeed(bertcli, "vocab", "build", "corpus.txt", "--size", 150, "-o", "other")
    if options == ("--limited",):
        options = ()
        Path("corpus.txt").write_text(Path("corpus.txt").read_text() + "\n\nOne more.\n")
    succeed(bertcli, *BUILD, "--shard", "2/2", *options, "-o", "part2")
    error, hint = bad(bertcli, "mask", "merge", "part1", "part2", "-o", "data")
    assert f"error: part2: built with {said}" in error
    assert "hint: all parts come from the same corpus and the same options" in hint


@pytest.mark.parametrize(("flag", "words"), [("--phrases", "brown fox\n"), ("--words", "\u5317\u4eac\n")])
def test_parts_made_with_different_lists_are_not_joined(workplace, bertcli, flag, words):
    for number in (1, 2):
        Path("list.txt").write_text(words * number)
        succeed(bertcli, *BUILD, flag, "list.txt", "--shard", f"{number}/2", "-o", f"part{number}")
    error, hint = bad(bertcli, "mask", "merge", "part1", "part2", "-o", "data")
    prints = [manifest(f"part{number}")["agreed"]["lists"][flag[2:]][:12] for number in (1, 2)]
    said = f"built with a file for {flag} of the fingerprint {prints[1]}, but part1 with {prints[0]}"
    assert error == f"error: part2: {said}"
    assert "hint: all parts come from the same corpus and the same options" in hint


def test_nothing_that_parts_agree_on_is_forgotten(workplace, bertcli):
    parts = build_parts(bertcli, 2)
    facts = manifest("part2")
    for name in facts["agreed"]:
        value = facts["agreed"][name]
        changed = (
            value[1:] if isinstance(value, list) else "9.9" if isinstance(value, str) else {**value, "fingerprint": "9"}
        )
        Path("part2/manifest.json").write_text(json.dumps(facts | {"agreed": facts["agreed"] | {name: changed}}))
        assert "error: part2: built with " in bad(bertcli, "mask", "merge", *parts, "-o", "data")[0]


def test_a_corpus_that_changed_between_the_parts_is_found(workplace, bertcli):
    succeed(bertcli, *BUILD, "--shard", "1/2", "-o", "part1")
    Path("corpus.txt").write_text(Path("corpus.txt").read_text().replace("quick", "swift"))
    succeed(bertcli, *BUILD, "--shard", "2/2", "-o", "part2")
    error, _ = bad(bertcli, "mask", "merge", "part1", "part2", "-o", "data")
    assert error == "error: part2: a file of the corpus has changed between the parts"


def test_a_damaged_part_is_named(workplace, bertcli):
    one, two = build_parts(bertcli, 2)
    file = next(Path(two, "train").iterdir())
    file.write_bytes(file.read_bytes()[:-1])
    error, _ = bad(bertcli, "mask", "merge", one, two, "-o", "data")
    assert error.startswith(f"error: {file}: truncated: ")
    assert not Path("data").exists()
    assert not Path(".data.partial").exists()


def test_a_part_whose_manifest_is_wrong_is_named(workplace, bertcli):
    parts = build_parts(bertcli, 2)
    facts = manifest("part1")
    for changed, said in (
        (facts | {"shards": facts["shards"][1:]}, "shards of the parts are missing or twice"),
        (facts | {"shards": [*facts["shards"], facts["shards"][0]]}, "shards of the parts are missing or twice"),
        ({name: value for name, value in facts.items() if name != "dropped"}, "a manifest lacks 'dropped'"),
    ):
        Path("part1/manifest.json").write_text(json.dumps(changed))
        assert bad(bertcli, "mask", "merge", *parts, "-o", "data")[0] == f"error: part1: {said}"


@pytest.mark.parametrize("shard", ["0/4", "5/4", "1", "a/b", "1/0"])
def test_a_share_that_is_none_is_refused(workplace, bertcli, shard):
    outcome = bertcli(*BUILD, "--shard", shard, "-o", "part")
    assert outcome.code == 2
    assert f"error: --shard: expected N/M such as 3/64, with N from 1 to M, got '{shard}'" in outcome.err


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--deduplicate",), "what another job reads is not known here"),
        (("--limit", 5), "how many documents another job reads is not known here"),
        (("--static", "--mlm"), "its rows are drawn from the whole corpus"),
    ],
)
def test_what_needs_the_whole_corpus_goes_without_shares(workplace, bertcli, options, reason):
    error, hint = bad(bertcli, *BUILD, "--shard", "1/2", *options, "-o", "part")
    assert error == f"error: --shard 1/2 with {options[0]}: {reason}"
    assert hint == f"hint: leave out --shard, or {options[0]}"


def test_a_shard_size_is_an_amount_of_text(workplace, bertcli):
    outcome = bertcli("mask", "build", "corpus.txt", "--shard-size", "10kB ish", "-o", "new")
    assert "error: --shard-size: expected an amount of text such as 2GB or 800MB, got '10kB ish'" in outcome.err
    outcome = bertcli("mask", "build", "corpus.txt", "--shard-size", "0.1kB", "-o", "new")
    assert "error: --shard-size: 0.1kB is too little: a shard has 1kB of text at least" in outcome.err


# Appending


@pytest.fixture
def halves(workplace):
    documents = Path("corpus.txt").read_text().strip().split("\n\n")
    for name, part in (("first", documents[:30]), ("second", documents[30:])):
        Path(f"{name}.txt").write_text("\n\n".join(part) + "\n")
    Path("few.txt").write_text("\n\n".join(documents[:6]) + "\n")
    Path("rest.txt").write_text("\n\n".join(documents[6:]) + "\n")
    return workplace


def test_appending_gives_the_documents_of_both(whole, halves, bertcli):
    build = ("--shard-size", "2kB", "--held-out", "10%", "-o", "data")
    succeed(bertcli, "mask", "build", "first.txt", *build)
    before = manifest("data")
    report = succeed(bertcli, "mask", "build", "second.txt", *build, "--append", "--json").json()
    after = manifest("data")
    for split in ("train", "heldout"):
        assert texts("data", split) == texts("whole", split)
        assert after["shards"][split][: len(before["shards"][split])] == before["shards"][split]
    assert after["counts"] == manifest("whole")["counts"]
    assert report["documents"] == after["counts"]["train"]["documents"]
    assert after["fingerprint"] != before["fingerprint"]
    assert after["corpus"] != before["corpus"]
    assert [config["corpus"] for config in after["appended"]] == [["second.txt"]]
    assert datasets.load_from_disk("data")["train"].num_rows == report["documents"]
    assert succeed(bertcli, "mask", "audit", "--mlm", "--nsp", "--seq-length", 32, "--data", "data").code == 0
    assert not Path(".data.partial").exists()


def test_where_none_was_held_out_appending_holds_one_out_of_all(halves, bertcli):
    build = ("--held-out", "1e-9", "-o")
    succeed(bertcli, "mask", "build", "corpus.txt", *build, "both")
    for order in (("few", "rest"), ("rest", "few")):
        succeed(bertcli, "mask", "build", f"{order[0]}.txt", *build, order[0])
        succeed(bertcli, "mask", "build", f"{order[1]}.txt", *build, order[0], "--append")
    assert manifest("few")["counts"] == manifest("both")["counts"]
    for split in ("train", "heldout"):
        assert sorted(texts("few", split)) == sorted(texts("both", split))
    assert len(texts("rest", "heldout")) == 1


def test_a_copy_of_the_one_held_out_document_is_held_out_too(halves, bertcli):
    build = ("--held-out", "1e-9", "-o", "data")
    succeed(bertcli, "mask", "build", "corpus.txt", *build)
    (held_out,) = texts("data", "heldout")
    succeed(bertcli, "mask", "build", "corpus.txt", *build, "--append")
    assert texts("data", "heldout") == [held_out] * 2
    assert held_out not in texts("data")


def test_an_append_that_was_stopped_leaves_the_old_data_and_is_made_good(whole, halves, bertcli, monkeypatch):
    build = ("--shard-size", "2kB", "--held-out", "10%", "-o", "data")
    succeed(bertcli, "mask", "build", "first.txt", *build)
    shutil.copytree("data", "copy")
    old = {split: texts("data", split) for split in ("train", "heldout")}
    with monkeypatch.context() as patch:
        patch.setattr(
            "bertcli.stages.mask_append.write_data_manifest", lambda *_, **__: (_ for _ in ()).throw(RunError("x"))
        )
        assert bertcli("mask", "build", "second.txt", *build, "--append").code == 1
    assert len(list(Path("data/train").glob("*.arrow"))) > len(list(Path("copy/train").glob("*.arrow")))
    assert {split: texts("data", split) for split in ("train", "heldout")} == old
    with Path("data/train/data-00099.arrow").open("w") as left:
        left.write("left by another")
    succeed(bertcli, "mask", "build", "second.txt", *build, "--append")
    succeed(bertcli, "mask", "build", "second.txt", *build[:-1], "copy", "--append")
    assert contents("data") == contents("copy")
    assert texts("data") == texts("whole")


def test_an_append_that_was_stopped_after_its_last_step_is_not_made_twice(halves, bertcli, monkeypatch):
    from bertcli.stages import mask_append

    build = ("--shard-size", "2kB", "--held-out", "10%", "-o", "data")
    succeed(bertcli, "mask", "build", "first.txt", *build)
    shutil.copytree("data", "copy")
    write = mask_append.write_data_manifest

    def write_and_stop(*arguments, **facts):
        write(*arguments, **facts)
        raise KeyboardInterrupt

    append = ("mask", "build", "second.txt", *build, "--append", "--min-characters", 70)
    with monkeypatch.context() as patch:
        patch.setattr(mask_append, "write_data_manifest", write_and_stop)
        assert bertcli(*append).code == 130
    assert Path(".data.partial").is_dir()
    Path("data/train/data-00099.arrow").write_text("not removed yet")
    outcome = succeed(bertcli, *append, "--json")
    assert "these documents were appended before the command was stopped: nothing is left to do" in outcome.err
    assert not Path(".data.partial").exists()
    at_once = succeed(bertcli, *append, "-o", "copy", "--json").json()
    assert contents("data") == contents("copy")
    differs = {"directory", "elapsed_seconds"}
    assert {k: v for k, v in outcome.json().items() if k not in differs} == {
        k: v for k, v in at_once.items() if k not in differs
    }
    succeed(bertcli, *append)  # asked for again, they are appended again
    assert len(manifest("data")["appended"]) == 2


def test_appended_documents_have_to_fit_the_others(halves, bertcli):
    succeed(bertcli, "mask", "build", "first.txt", "-o", "data")
    before = contents("data")
    append = ("mask", "build", "second.txt", "--append", "-o", "data")
    for options, said in (
        (("--seed", 4), "data was built with --seed 0; 4 was asked for"),
        (("--sentences", "line"), "data was built with --sentences split; line was asked for"),
        (("--words", "spaces"), "data was built with --words none; spaces was asked for"),
        (("--documents", "line"), "data was built with --documents auto; line was asked for"),
        (("--group-column", "author"), "data was built without --group-column; author was asked for"),
        (("--held-out", "5%"), "data was built with --held-out 0.01; 0.05 was asked for"),
    ):
        error, hint = bad(bertcli, *append, *options)
        assert error == f"error: {said}"
        assert hint.startswith(("hint: append with", "hint: append without"))
        assert options[0] in hint
    succeed(bertcli, "vocab", "build", "corpus.txt", "--size", 150, "-o", "other")
    error, hint = bad(bertcli, *append, "--vocab", "other")
    assert error.startswith("error: data: made with the vocabulary ")
    assert "; other is " in error
    assert hint == "hint: append with the data's own: --vocab data/vocab"
    succeed(bertcli, *append, "--vocab", "data/vocab")
    assert contents("data") != before


@pytest.mark.parametrize(("flag", "words"), [("--phrases", "brown fox\n"), ("--words", "\u5317\u4eac\n")])
def test_lists_are_told_by_what_is_in_them(halves, bertcli, flag, words):
    Path("list.txt").write_text(words)
    succeed(bertcli, "mask", "build", "first.txt", flag, "list.txt", "-o", "data")
    Path("list.txt").rename("moved.txt")
    append = ("mask", "build", "second.txt", "--append", "-o", "data", flag)
    succeed(bertcli, *append, "moved.txt")
    Path("list.txt").write_text(words * 2)
    error, hint = bad(bertcli, *append, "list.txt")
    assert error.startswith(f"error: data was built with a file for {flag} of the fingerprint ")
    assert hint == "hint: append with what the data were built with, or build again from all of the text"


def test_appending_takes_the_vocabulary_of_the_data(halves, bertcli):
    succeed(bertcli, "vocab", "build", "corpus.txt", "--size", 150, "-o", "other")
    succeed(bertcli, "mask", "build", "first.txt", "--vocab", "other", "-o", "data")
    shutil.rmtree("other")
    succeed(bertcli, "mask", "build", "second.txt", "--append", "-o", "data")
    assert manifest("data")["counts"]["train"]["documents"] > 30


def test_there_has_to_be_something_to_append_to(halves, bertcli):
    error, hint = bad(bertcli, "mask", "build", "first.txt", "--append", "-o", "nothing")
    assert error == "error: nothing: not a data directory: no such directory"
    assert hint == "hint: make one with `bertcli mask build CORPUS`"
    assert not Path("nothing").exists()
    succeed(bertcli, "mask", "build", "first.txt", "--static", "--mlm", "--duplicates", 1, "-o", "static")
    error, hint = bad(bertcli, "mask", "build", "second.txt", "--append", "-o", "static")
    assert error.startswith("error: static: these are static data, to which nothing can be appended")
    assert hint == "hint: build them again from all of the text"


@pytest.mark.parametrize("flag", ["--overwrite", "--static", "--shard"])
def test_appending_goes_without_what_contradicts_it(halves, bertcli, flag):
    value = ("1/2",) if flag == "--shard" else ()
    error, hint = bad(bertcli, "mask", "build", "second.txt", "--append", flag, *value)
    assert error == f"error: --append goes without {flag}"
    assert hint == f"hint: leave out --append, or {flag}"


def test_copies_of_what_the_store_has_are_not_found(halves, bertcli):
    succeed(bertcli, "mask", "build", "first.txt", "-o", "data")
    outcome = succeed(bertcli, "mask", "build", "second.txt", "--append", "--deduplicate", "-o", "data")
    assert "--deduplicate knows only the new documents: those of the store are not compared" in outcome.err


# Static data


STATIC = ("--static", "--mlm", "--duplicates", 2, "--seq-length", 32)


def test_static_data_keep_their_documents(whole, bertcli):
    succeed(bertcli, *BUILD, *STATIC, "-o", "static")
    assert texts("static") == texts("whole")
    assert manifest("static")["shards"] == manifest("whole")["shards"]
    assert datasets.load_from_disk("static/store")["train"].num_rows == len(texts("whole"))
    (rows,) = manifest("static")["rows"]["train"]
    assert rows["rows"] == datasets.load_from_disk("static")["train"].num_rows


def test_static_rows_are_checked(whole, bertcli):
    succeed(bertcli, *BUILD, *STATIC, "-o", "static")
    file = Path("static/train/data-00000.arrow")
    damaged = bytearray(file.read_bytes())
    damaged[-20] ^= 1
    file.write_bytes(damaged)
    error, _ = bad(bertcli, "mask", "audit", "--data", "static")
    assert error.startswith("error: static/train/data-00000.arrow: changed since it was written")


def test_static_data_continue_with_their_documents(whole, bertcli, monkeypatch):
    succeed(bertcli, *BUILD, *STATIC, "-o", "static")
    with monkeypatch.context() as patch:
        patch.setattr("bertcli.stages.mask_build.tokens_covered", lambda *_: (_ for _ in ()).throw(RunError("x")))
        assert bertcli(*BUILD, *STATIC, "-o", "again").code == 1
    assert "continuing after shard " in succeed(bertcli, *BUILD, *STATIC, "-o", "again").err
    assert contents("again") == contents("static")


# The parts of it


def test_the_store_reads_its_files_in_the_order_of_the_manifest(whole):
    names = [file["file"] for file in manifest("whole")["shards"]["train"]]
    forwards, backwards = TokenStore(Path("whole/train"), names), TokenStore(Path("whole/train"), names[::-1])
    assert forwards.documents == backwards.documents
    last = TokenStore(Path("whole/train"), names[-1:])
    assert np.array_equal(backwards.read(*backwards.document_starts[:2]), last.read(*last.document_starts[:2]))
    with pytest.raises(DataError, match="damaged or incomplete"):
        TokenStore(Path("whole/train"), ["nothing.arrow"])
