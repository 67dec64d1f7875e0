"""What no corpus should hold and many do: each has an outcome, with a message where it is an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bertcli.text.tokenizer_loading import load_tokenizer

WORDS = "the quick brown fox jumps over it"
PIECES = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    *WORDS.split(),
    "ab",
    "a",
    "b",
    ".",
    "中",
    "文",
    "e",
    "👩",
    "💻",
]

Build = Callable[..., Any]


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pieces").mkdir()
    Path("pieces/vocab.txt").write_text("\n".join(PIECES) + "\n")


@pytest.fixture
def build(bertcli: Callable[..., Any]) -> Build:
    """``build(name, data, *flags)``: what each command says to a file; the vocabulary is for ``mask build`` alone."""

    def call(name: str, data: bytes | str | pa.Table, *flags: object) -> dict[str, Any]:
        if isinstance(data, pa.Table):
            pq.write_table(data, name)
        else:
            Path(name).write_bytes(data.encode() if isinstance(data, str) else data)
        vocab = bertcli("vocab", "build", name, "-o", "vocab", "--json", "--overwrite", "--min-count", 1, *flags)
        mask = bertcli(
            *("mask", "build", name, "--vocab", "pieces", "-o", "data", "--json", "--overwrite"),
            *("--held-out", 0, *flags),
        )
        return {"vocab": vocab, "mask": mask}

    return call


def stored() -> list[str]:
    """The documents of the data directory as pieces, a space between two, in alphabetical order."""
    tokenizer = load_tokenizer("pieces")
    return sorted(" ".join(tokenizer.pieces(row["input_ids"])) for row in datasets.load_from_disk("data")["train"])


def learned() -> set[str]:
    return set(Path("vocab/vocab.txt").read_text().split("\n")) - set(PIECES[:5]) - {""}


def read(said: dict[str, Any]) -> list[str]:
    """Both commands took the file; the documents as ``mask build`` stored them."""
    for outcome in said.values():
        assert outcome.code == 0, outcome.err
    return stored()


def refusal(said: dict[str, Any]) -> str:
    """Both commands refused the file in the same words and left nothing."""
    assert [outcome.code for outcome in said.values()] == [2, 2]
    assert [outcome.out for outcome in said.values()] == ["", ""]
    assert not Path("vocab").exists()
    assert not Path("data").exists()
    errors = {"\n".join(line for line in outcome.err.splitlines() if "note: " not in line) for outcome in said.values()}
    (error,) = errors
    return error


# -- characters


@pytest.mark.parametrize(("name", "data"), [("a.txt", "a\x00b\n\nfox\x00\n"), ("a.tsv", "text\na\x00b\nfox\x00\n")])
def test_nuls_are_dropped_from_words(name: str, data: str, build: Build):
    assert read(build(name, data)) == ["ab", "fox"]
    assert "ab" in learned()


def test_nuls_in_json_are_read_where_they_are_escaped(build: Build):
    assert read(build("a.jsonl", '{"text": "a\\u0000b"}\n')) == ["ab"]
    Path("vocab").rename("old")
    Path("data").rename("older")
    assert refusal(build("a.jsonl", '{"text": "a\x00b"}\n')).startswith("error: a.jsonl:1: not a line of JSON: Invalid")


def test_control_characters_and_marks_are_cleaned_away(build: Build):
    assert read(build("a.txt", "f\x01o\x7fx \x1b\u200b\n\n\x02\ufeff\n\nfo\u0301x \u0301\n")) == ["fox", "fox"]


def test_a_corpus_of_nothing_else_is_refused(build: Build):
    said = build("a.txt", "\x01\x02\n\n\u200b\ufeff\n")
    assert [outcome.code for outcome in said.values()] == [2, 2]
    assert said["vocab"].err.splitlines()[-2:] == [
        "error: a.txt: the corpus holds no words",
        "hint: all of its characters are control characters, or its words have over 100 characters",
    ]
    assert "error: no document of the corpus has any text" in said["mask"].err


def test_emoji_come_apart_at_their_joiners(build: Build):
    assert read(build("a.txt", "👩\u200d💻\n\n👩\n\n💻\ufe0f\n")) == ["[UNK]", "👩", "💻"]
    assert "👩" in learned()


@pytest.mark.parametrize("blank", ["\n" * 50, " \t\n\u3000\n\r\n\x0b\n\x85\n\u00a0\r", "", "\ufeff"])
def test_a_corpus_of_blank_lines_is_refused(blank: str, build: Build):
    assert refusal(build("a.txt", blank)) == (
        "error: no document in the corpus: a.txt\nhint: a document needs a character that is no space"
    )


# -- lines and encodings


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(end: str, build: Build):
    assert read(build("a.txt", end.join(["the fox", "jumps", "", "over it", ""]))) == ["over it", "the fox jumps"]


def test_a_byte_order_mark_is_no_text(build: Build):
    assert read(build("a.txt", "\ufeffthe fox\n\n\ufeffover it")) == ["over it", "the fox"]
    assert "\ufeff" not in Path("vocab/vocab.txt").read_text()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("flags", [(), ("--errors", "replace")])
def test_utf_16_is_refused_even_where_bad_bytes_are_replaced(encoding: str, flags: tuple[str, ...], build: Build):
    assert refusal(build("a.txt", "\ufeffthe fox\n\nover it".encode(encoding), *flags)) == (
        "error: a.txt: UTF-16, not UTF-8\nhint: convert the file with `iconv -f UTF-16 -t UTF-8`"
    )


def test_bytes_that_are_not_utf_8_are_located_or_replaced(build: Build):
    data = b"the fox\n\nover \xed\xa0\x80 it\n"
    assert refusal(build("a.txt", data)) == (
        "error: a.txt: not UTF-8: byte 0xed at offset 14\n"
        "hint: --errors replace reads it with U+FFFD there, or convert the file with `iconv -t UTF-8`"
    )
    assert read(build("a.txt", data, "--errors", "replace")) == ["over it", "the fox"]


def test_half_a_surrogate_pair_is_located_or_replaced(build: Build):
    data = '{"text": "the fox"}\n{"text": "over \\ud800 it"}\n{"text": "\\ud83d\\udc69"}\n'
    assert refusal(build("a.jsonl", data)) == (
        "error: a.jsonl:2: half of a surrogate pair, which is no character\n"
        "hint: --errors replace reads it with U+FFFD there"
    )
    assert read(build("a.jsonl", data, "--errors", "replace")) == ["over it", "the fox", "👩"]


def test_half_a_surrogate_pair_may_stand_where_it_is_not_read(build: Build):
    data = '{"id": "\\udc00", "by": "\\ud800", "text": "the fox"}\n'
    assert read(build("a.jsonl", data, "--group-column", "by")) == ["the fox"]


def broken_parquet() -> pa.Table:
    """``fox``, ``it`` and a byte that is no UTF-8, null: Parquet writers need not check."""
    offsets = pa.py_buffer(b"".join(number.to_bytes(4, "little") for number in (0, 3, 6, 6)))
    return pa.table(
        {"text": pa.StringArray.from_buffers(3, offsets, pa.py_buffer(b"foxit\xff"), pa.py_buffer(b"\x03"))}
    )


def test_a_parquet_cell_that_is_not_utf_8_is_located_or_replaced(build: Build):
    assert refusal(build("a.parquet", broken_parquet())) == (
        "error: a.parquet:2: not UTF-8: byte 0xff at position 3 of the cell\n"
        "hint: --errors replace reads it with U+FFFD there"
    )
    said = build("a.parquet", broken_parquet(), "--errors", "replace")
    assert read(said) == ["fox", "it"]
    assert "1 row has no text" in said["mask"].err


def test_a_dictionary_of_cells_is_read_as_any_column(build: Build):
    table = broken_parquet()
    assert read(build("a.parquet", pa.table({"text": pa.array(["fox", "it", "fox"]).dictionary_encode()}))) == [
        *("fox", "fox", "it")
    ]
    encoded = pa.table({"text": table["text"].combine_chunks().dictionary_encode()})
    assert read(build("b.parquet", encoded, "--errors", "replace")) == ["fox", "it"]


def test_a_column_of_bytes_is_no_text(build: Build):
    assert refusal(build("a.parquet", pa.table({"text": [b"fox"]}))) == (
        "error: a.parquet:1: the column 'text' holds bytes here, expected text"
    )


def test_json_that_is_nested_without_end_is_located(build: Build):
    data = '{"text": "the fox"}\n{"text": ' + "[" * 100_000 + "\n"
    assert refusal(build("a.jsonl", data)) == "error: a.jsonl:2: lists or objects in too many others"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_the_name_of_a_file_need_not_be_utf_8(build: Build):
    name = os.fsdecode(b"a\xff.txt")
    assert read(build(name, "the fox\n\nover it\n", "-q")) == ["over it", "the fox"]
    assert json.loads(Path("vocab/manifest.json").read_text())["config"]["corpus"] == [name]


# -- long lines


@pytest.mark.parametrize("unit", [f"{WORDS} ", f"{WORDS}. ", "中文", "中文。", "x", "é", "a\x00"])
def test_a_long_line_gives_what_its_parts_give(unit: str, build: Build):
    """1 MB in one line, and in lines of a thousand characters where words end."""
    times = 1_000_000 // len(unit.encode())
    said = build("a.txt", unit * times, "--documents", "file")
    words = "中文" in unit or WORDS in unit
    assert said["vocab"].code == (0 if words else 2)  # words of more than 100 characters are none
    assert said["mask"].code == 0
    tokenizer = load_tokenizer("pieces")
    one = tokenizer.encode([unit])[0].tolist()
    ((row),) = datasets.load_from_disk("data")["train"]["input_ids"]
    assert row == (one * times if words else [tokenizer.vocabulary.unk_id])
    if words:
        assert said["vocab"].json()["words"] == len(one) * times


MEASURE = """
import resource, sys
from bertcli.cli.app import run
code = run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.slow
@pytest.mark.parametrize("unit", [f"{WORDS} " * 20 + "It ends. ", "中文"])
def test_a_line_of_200_mb_takes_memory_in_proportion(unit: str):
    """Measured: 0.6 GB and 6 s for the vocabulary, 1 GB and 10 to 40 s for the data."""
    with Path("a.txt").open("w") as file:
        for _ in range(200):
            file.write(unit * (1_000_000 // len(unit.encode())))
    for arguments, most_mb in (
        (("vocab", "build", "a.txt", "-o", "vocab"), 1_000),
        (("mask", "build", "a.txt", "--vocab", "pieces", "-o", "data"), 2_000),
    ):
        command = [sys.executable, "-c", MEASURE, *arguments, "-q", "--documents", "file"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert result.returncode == 0, result.stderr
        assert int(result.stderr.split()[-1]) < most_mb
