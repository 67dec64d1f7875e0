"""Documents from every kind of file, and a clear word on what cannot be read."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import lzma
import sys
from collections.abc import Callable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bertcli.core import messages
from bertcli.errors import BertcliError, ConfigError, InputFileError, UserError
from bertcli.text import compression, lines
from bertcli.text.corpus import Document, _separated_by_blank_lines, find_files, fingerprint, read_documents


@pytest.fixture
def notices(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    heard: list[str] = []
    reporter = messages.Silence()
    monkeypatch.setattr(reporter, "notice", heard.append)
    monkeypatch.setattr(messages, "reporter", reporter)
    return heard


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 8 bytes, so that everything falls on a boundary sooner or later."""
    monkeypatch.setattr(lines, "BLOCK_BYTES", 8)
    monkeypatch.setattr(compression, "BLOCK_BYTES", 64)


def texts(*paths: Path, **asked: Any) -> list[str]:
    return [document.text for document in read_documents(paths, **asked)]


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def write_jsonl(path: Path, *rows: Any) -> Path:
    return write(path, "".join(json.dumps(row) + "\n" for row in rows))


def said(error: pytest.ExceptionInfo[BertcliError]) -> tuple[str, str]:
    return str(error.value), error.value.hint or ""


# -- what a document is


def test_blank_lines_stand_between_documents(tmp_path: Path):
    path = write(tmp_path / "a.txt", "one\ntwo\n\n \t\nthree\n\n")
    assert list(read_documents([path])) == [
        Document("one\ntwo", None, str(path), 1),
        Document("three", None, str(path), 5),
    ]


def test_without_a_blank_line_every_line_is_a_document_with_a_notice(tmp_path: Path, notices: list[str]):
    path = write(tmp_path / "a.txt", "one\ntwo\nthree")
    assert [(document.text, document.line) for document in read_documents([path])] == [
        ("one", 1),
        ("two", 2),
        ("three", 3),
    ]
    (notice,) = notices
    assert (
        notice
        == f"{path} has no blank line between two lines: every line is a document (--documents file takes it whole)"
    )


@pytest.mark.parametrize("text", ["\n\none\ntwo\n", "one\ntwo\n\n\n", "\ufeff\n\none\ntwo\r\n \r\n"])
def test_blank_lines_at_the_ends_of_a_file_separate_nothing(text: str, tmp_path: Path):
    assert texts(write(tmp_path / "a.txt", text)) == ["one", "two"]


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\n\u3000\n", "\n\n\n"])
def test_blank_lines_are_found_whatever_they_are_made_of(blank: str, tmp_path: Path, small_blocks: None):
    for length in range(1, 12):
        path = write(tmp_path / f"{length}.txt", "x" * length + blank + "y\nz")
        assert texts(path) == ["x" * length, "y\nz"], length


def test_a_blank_line_far_into_a_file_is_seen(tmp_path: Path, small_blocks: None):
    path = write(tmp_path / "a.txt", "line\n" * 1000 + "\nlast\n")
    assert texts(path) == ["\n".join(["line"] * 1000), "last"]


def test_the_meaning_of_a_document_can_be_said(tmp_path: Path, notices: list[str]):
    path = write(tmp_path / "a.txt", "one\ntwo\n\nthree\n")
    assert texts(path, documents="line") == ["one", "two", "three"]
    assert texts(path, documents="blank-line") == ["one\ntwo", "three"]
    assert texts(path, documents="file") == ["one\ntwo\n\nthree\n"]
    assert notices == []


def test_rows_of_a_table_are_documents_of_their_groups(tmp_path: Path):
    path = write_jsonl(tmp_path / "a.jsonl", {"text": "one", "by": "x"}, {"text": "two", "by": 7}, {"text": "three"})
    found = list(read_documents([path], group_column="by"))
    assert [(document.text, document.group, document.line) for document in found] == [
        ("one", "x", 1),
        ("two", "7", 2),
        ("three", None, 3),
    ]
    assert texts(path, documents="file") == ["one\ntwo\nthree"]


def test_a_limit_counts_documents_over_all_files(tmp_path: Path):
    first, second = write(tmp_path / "a.txt", "1\n\n2\n\n3\n"), write(tmp_path / "b.txt", "4\n\n5\n")
    assert texts(first, second, limit=4) == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("name", "documents", "message"),
    [
        ("a.jsonl", "line", "--documents line is for text files, and this is a table"),
        ("a.jsonl", "blank-line", "--documents blank-line is for text files, and this is a table"),
        ("a.txt", "row", "--documents row is for tables, and this is a text file"),
    ],
)
def test_a_meaning_that_a_file_cannot_have_is_refused(name: str, documents: Any, message: str, tmp_path: Path):
    path = write(tmp_path / name, '{"text": "a"}\n')
    with pytest.raises(InputFileError) as error:
        texts(path, documents=documents)
    assert said(error) == (
        f"{path}: {message}",
        "--documents auto takes rows of tables, and lines or blank-line blocks of text files",
    )


@pytest.mark.parametrize("flag", ["text_column", "group_column"])
def test_a_column_without_a_table_is_refused(flag: str, tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        texts(write(tmp_path / "a.txt", "a"), **{flag: "body"})
    assert said(error) == (
        f"--{flag.replace('_', '-')} body: no file of the corpus is a table",
        "text files have no columns",
    )


def test_rows_of_several_groups_do_not_make_one_document(tmp_path: Path):
    path = write_jsonl(tmp_path / "a.jsonl", {"text": "a", "by": "x"}, {"text": "b", "by": "y"})
    with pytest.raises(InputFileError, match=r"a\.jsonl:2: --documents file with rows of several groups: 'x' and 'y'"):
        texts(path, documents="file", group_column="by")


# -- formats


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("suffix", PACKERS)
def test_every_format_is_read_plain_and_compressed(suffix: str, tmp_path: Path):
    pack = PACKERS[suffix]
    table = pa.table({"text": ["größer, als", 'a "b"']})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    files = {
        "a.txt": 'größer, als\n\na "b"\n'.encode(),
        "a.md": 'größer, als\n\na "b"\n'.encode(),
        "a.jsonl": '{"text": "größer, als"}\n\n{"text": "a \\"b\\""}'.encode(),
        "a.csv": 'id,text\n1,"größer, als"\n2,"a ""b"""\n'.encode(),
        "a.tsv": 'id\ttext\n1\tgrößer, als\n2\ta "b"\n'.encode(),
        "a.parquet": sink.getvalue().to_pybytes(),
    }
    for name, data in files.items():
        path = write(tmp_path / f"{name}{suffix}", pack(data))
        assert texts(path) == ["größer, als", 'a "b"'], name


def test_a_quoted_cell_may_hold_line_ends_and_lines_are_counted(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'text,n\r\n"one\r\ntwo",1\r\nthree,2\r\n')
    assert [(document.text, document.line) for document in read_documents([path])] == [("one\ntwo", 2), ("three", 4)]


def test_zstandard_frames_follow_one_another(tmp_path: Path):
    pack = zstandard.ZstdCompressor().compress
    assert texts(write(tmp_path / "a.txt.zst", pack(b"one\n\n") + pack(b"two\n"))) == ["one", "two"]


def test_without_zstandard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = write(tmp_path / "a.txt.zst", PACKERS[".zst"](b"one"))
    with pytest.raises(UserError) as error:
        texts(path)
    assert said(error) == (f"{path}: reading .zst files needs the package zstandard", "pip install 'bertcli[zstd]'")


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_a_compressed_file_that_was_cut_off_is_said(suffix: str, tmp_path: Path):
    data = PACKERS[suffix](bytes(str(list(range(20_000))), "ascii"))
    path = write(tmp_path / f"a.txt{suffix}", data[: len(data) // 2])
    with pytest.raises(InputFileError) as error:
        texts(path)
    assert said(error) == (f"{path}: the compressed file ends too early", "it was cut off; make or fetch it again")


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
def test_a_file_that_is_not_compressed_as_it_says_is_refused(suffix: str, tmp_path: Path):
    path = write(tmp_path / f"a.txt{suffix}", bz2.compress(b"one"))
    with pytest.raises(InputFileError, match=rf"a\.txt\{suffix}: not a valid \{suffix} file: "):
        texts(path)


# -- bytes


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last", [True, False])
def test_any_line_end_ends_a_line(end: str, last: bool, tmp_path: Path, small_blocks: None):
    for length in range(1, 20):
        text = end.join(["x" * length, "yy", "z"]) + (end if last else "")
        path = write(tmp_path / f"{length}.txt", text)
        found = [(document.text, document.line) for document in read_documents([path], documents="line")]
        assert found == [("x" * length, 1), ("yy", 2), ("z", 3)]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(alphabet="ab \r\né。\u3000\x00", max_size=60))
def test_lines_are_those_of_universal_newlines(tmp_path: Path, small_blocks: None, text: str):
    path = write(tmp_path / "a.txt", text)
    with path.open(encoding="utf-8") as file:
        expected = [line.removesuffix("\n") for line in file]
    assert list(lines.read_lines(path)) == expected
    blocks = [block for block in "\n".join(expected).split("\n") if block.strip()]
    inner = "\n".join(expected).replace("\u3000", " ").strip(" \n").split("\n")
    separated = any(not line.strip(" ") for line in inner) and len(blocks) > 1
    lines._has_blank_lines.cache_clear()
    assert lines.has_blank_lines(path) == separated


def test_a_byte_order_mark_is_dropped(tmp_path: Path):
    assert texts(write(tmp_path / "a.txt", "\ufeffone\n\ntwo")) == ["one", "two"]
    assert texts(write(tmp_path / "a.csv", "\ufefftext\none")) == ["one"]
    assert texts(write(tmp_path / "a.jsonl", '\ufeff{"text": "one"}')) == ["one"]


def test_nul_bytes_pass_through(tmp_path: Path):
    assert texts(write(tmp_path / "a.txt", "o\x00ne\n\ntwo")) == ["o\x00ne", "two"]


def test_a_long_line_is_read_whole(tmp_path: Path, small_blocks: None):
    assert texts(write(tmp_path / "a.txt", "x" * 100_000), documents="line") == ["x" * 100_000]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_is_not_utf8_is_located(suffix: str, tmp_path: Path, small_blocks: None):
    path = write(tmp_path / f"a.txt{suffix}", PACKERS[suffix](b"\xef\xbb\xbfone\n\ntwo\nth\xffree\n"))
    with pytest.raises(InputFileError) as error:
        texts(path)
    assert said(error) == (
        f"{path}: not UTF-8: byte 0xff at offset 14",
        "--errors replace reads it with U+FFFD there, or convert the file with `iconv -t UTF-8`",
    )
    assert texts(path, errors="replace") == ["one", "two\nth\ufffdree"]


def test_half_a_surrogate_pair_is_located(tmp_path: Path):
    path = write(tmp_path / "a.jsonl", '{"text": "ok"}\n{"text": "a\\ud800b"}\n')
    with pytest.raises(InputFileError) as error:
        texts(path)
    assert said(error) == (
        f"{path}:2: half of a surrogate pair, which is no character",
        "--errors replace reads it with U+FFFD there",
    )
    assert texts(path, errors="replace") == ["ok", "a\ufffdb"]


# -- tables


def test_a_missing_column_is_said_with_those_there_are(tmp_path: Path):
    rows = {"texte": ["a"], "label": ["b"]}
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    write_jsonl(tmp_path / "a.jsonl", {"texte": "a", "label": "b"})
    write(tmp_path / "a.csv", "texte,label\na,b\n")
    write(tmp_path / "a.tsv", "texte\tlabel\na\tb\n")
    for name, line in (("a.parquet", ""), ("a.jsonl", ":1"), ("a.csv", ":1"), ("a.tsv", ":1")):
        with pytest.raises(InputFileError) as error:
            texts(tmp_path / name)
        assert said(error) == (
            f"{tmp_path / name}{line}: no column 'text'",
            "did you mean 'texte'? columns: 'texte', 'label'; choose with --text-column",
        )
        assert texts(tmp_path / name, text_column="texte") == ["a"]
        with pytest.raises(InputFileError) as error:
            texts(tmp_path / name, text_column="texte", group_column="x")
        assert said(error)[1] == "columns: 'texte', 'label'; choose with --group-column"


def test_rows_without_text_are_counted_in_one_notice(tmp_path: Path, notices: list[str]):
    path = write_jsonl(tmp_path / "a.jsonl", {"text": None}, {"text": "one"}, {"other": 1}, {"text": " "})
    assert texts(path) == ["one"]
    assert notices == ["3 rows have no text and were passed over"]
    notices.clear()
    assert texts(write_jsonl(tmp_path / "b.jsonl", {"text": "two"}, {"text": ""})) == ["two"]
    assert notices == ["1 row has no text and was passed over"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": ', r"2: not a line of JSON: Expecting value"),
        ("[1]", "2: expected an object, got a list"),
        ('{"text": 5}', "2: the column 'text' holds a number here, expected text"),
        ('{"text": ["a"]}', "2: the column 'text' holds a list here, expected text"),
        ('{"text": true}', "2: the column 'text' holds a truth value here, expected text"),
    ],
)
def test_a_wrong_line_of_json_is_located(line: str, message: str, tmp_path: Path):
    path = write(tmp_path / "a.jsonl", f'{{"text": "one"}}\n{line}\n')
    with pytest.raises(InputFileError) as error:
        texts(path)
    assert str(error.value).startswith(f"{path}:{message}")


def test_a_group_that_is_no_name_is_refused(tmp_path: Path):
    path = write_jsonl(tmp_path / "a.jsonl", {"text": "one", "by": ["x"]})
    with pytest.raises(InputFileError, match="1: the column 'by' holds a list here, expected a name or a number"):
        texts(path, group_column="by")


@pytest.mark.parametrize(("name", "comma"), [("a.csv", ","), ("a.tsv", "\t")])
def test_rows_of_another_width_are_located(name: str, comma: str, tmp_path: Path):
    path = write(tmp_path / name, f"id{comma}text\n1{comma}a\n2{comma}b{comma}c\n")
    with pytest.raises(InputFileError) as error:
        texts(path)
    assert said(error) == (f"{path}:3: 3 cells in this row, 2 columns in the header", "columns: 'id', 'text'")


def test_a_repeated_column_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.csv", "text,text\na,b\n")
    with pytest.raises(InputFileError, match=r"a\.csv:1: the column 'text' stands in the header twice"):
        texts(path)


def test_csv_that_never_closes_its_quote_is_located(tmp_path: Path):
    path = write(tmp_path / "a.csv", 'text\none\n"two\nthree\n')
    with pytest.raises(InputFileError, match=r"a\.csv:3: not valid CSV: unexpected end of data"):
        texts(path)


def test_long_cells_are_read(tmp_path: Path):
    path = write(tmp_path / "a.csv", "text\n" + "x" * 200_000 + "\n")
    limit = csv.field_size_limit()
    assert [len(text) for text in texts(path)] == [200_000]
    csv.field_size_limit(limit)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path):
    path = write(tmp_path / "a.parquet", b"text\none\n")
    with pytest.raises(InputFileError, match=r"a\.parquet: not a Parquet file: "):
        texts(path)


def test_a_parquet_column_of_numbers_is_no_text(tmp_path: Path):
    pq.write_table(pa.table({"text": [1, 2]}), tmp_path / "a.parquet")
    with pytest.raises(InputFileError, match=r"a\.parquet:1: the column 'text' holds a number here, expected text"):
        texts(tmp_path / "a.parquet")


# -- nothing to read


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.txt", ""), ("a.txt", " \n\n"), ("a.jsonl", ""), ("a.csv", ""), ("a.csv", "text\n"), ("a.tsv", "")],
)
def test_a_corpus_without_documents_is_refused(name: str, data: str, tmp_path: Path):
    path = write(tmp_path / name, data)
    with pytest.raises(InputFileError) as error:
        texts(path)
    assert said(error) == (f"no document in the corpus: {path}", "a document needs a character that is no space")


def test_an_empty_file_among_others_is_passed_over(tmp_path: Path):
    assert texts(write(tmp_path / "a.txt", ""), write(tmp_path / "b.txt", "one\n\ntwo")) == ["one", "two"]


def test_a_file_that_vanished_is_said(tmp_path: Path):
    with pytest.raises(InputFileError, match=r"gone\.txt: no such file"):
        texts(tmp_path / "gone.txt", documents="line")


# -- finding files


def test_files_are_found_by_name_folder_and_pattern_each_once(tmp_path: Path):
    for name in (
        "b/2.txt",
        "b/1.jsonl.gz",
        "b/c/3.csv",
        "b/.hidden/4.txt",
        "b/notes.pdf",
        "a.txt",
        "b/bertcli-out/vocab.txt",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_files([str(tmp_path / "b"), str(tmp_path / "*.txt"), str(tmp_path / "b" / "2.txt")])
    assert [str(file.relative_to(tmp_path)) for file in found] == ["b/1.jsonl.gz", "b/2.txt", "b/c/3.csv", "a.txt"]
    assert find_files([str(tmp_path / "**" / "*.csv")]) == [tmp_path / "b/c/3.csv"]
    assert find_files([str(tmp_path / "[ab]*")]) == [tmp_path / "a.txt", *found[:3]]


KNOWN = "known suffixes: .txt, .text, .md, .jsonl, .csv, .tsv, .parquet; each also with .gz, .zst, .xz"


@pytest.mark.parametrize(
    ("pattern", "message", "hint"),
    [
        ("nowhere.txt", "no such file or folder", ""),
        ("a.pdf", "a file of no known format: .pdf", KNOWN),
        ("README", "a file of no known format: no suffix", KNOWN),
        ("folder", "no file of a known format in this folder", KNOWN),
        ("*.txt", "the pattern matches nothing", KNOWN),
        ("*.pdf", "the pattern matches only files of no known format", KNOWN),
    ],
)
def test_what_cannot_be_found_is_said(pattern: str, message: str, hint: str, tmp_path: Path):
    (tmp_path / "folder").mkdir()
    write(tmp_path / "a.pdf", "x")
    write(tmp_path / "README", "x")
    with pytest.raises(InputFileError) as error:
        find_files([str(tmp_path / pattern)])
    assert said(error) == (f"{tmp_path / pattern}: {message}", hint)


def test_a_fingerprint_is_of_contents_in_their_order(tmp_path: Path):
    first, second = write(tmp_path / "a.txt", "one"), write(tmp_path / "b.txt", "two")
    copy = write(tmp_path / "c.txt", "one")
    assert fingerprint([first, second]) == fingerprint([copy, second])
    assert fingerprint([first, second]) != fingerprint([second, first])


@given(st.lists(st.sampled_from(["", "", " ", "\u3000", "\x1c\t", "a", "b c", " d", "\x0b e"]), max_size=14), st.data())
def test_documents_are_runs_of_lines_that_hold_something_however_a_file_is_read(
    lines: list[str], data: st.DataObject
) -> None:
    whole = [line + "\n" for line in lines]
    if whole and data.draw(st.booleans()):
        whole[-1] = whole[-1].removesuffix("\n")
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)))) | {0, len(whole)})
    blocks = [block for begin, end in pairwise(cuts) if (block := "".join(whole[begin:end]))]
    runs = groupby(enumerate(lines, start=1), key=lambda numbered: bool(numbered[1].strip()))
    expected = [list(run) for has_text, run in runs if has_text]
    assert list(_separated_by_blank_lines(blocks)) == [
        (run[0][0], "\n".join(line for _, line in run)) for run in expected
    ]
