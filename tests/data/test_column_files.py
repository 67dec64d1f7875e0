"""Column files: every layout gives the same sentences, and every fault is shown where it stands."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bertcli.contracts.task import Table
from bertcli.data.column_files import read_columns
from bertcli.errors import InputFileError

CONLL2003 = """-DOCSTART- -X- O O

EU NNP I-NP I-ORG
rejects VBZ I-VP O

# CD I-NP O
1 CD I-NP O
"""

# https://universaldependencies.org/format.html: a contraction (2-3) and a word that is left out (3.1)
CONLLU = """# newdoc
# sent_id = vamos-1
# text = ¡vámonos al mar
1\tvámonos\tir\tVERB\tVV\t_\t0\troot\t_\t_
2-3\tal\t_\t_\t_\t_\t_\t_\t_\t_
2\ta\ta\tADP\tII\t_\t4\tcase\t_\t_
3\tel\tel\tDET\tAT\t_\t4\tdet\t_\t_
3.1\tazul\tazul\tADJ\tJJ\t_\t_\t_\t_\t_
4\tmar\tmar\tNOUN\tNN\t_\t1\tobl\t_\t_

# sent_id = vamos-2
1\t#\t#\tSYM\tSY\t_\t0\troot\t_\t_
"""


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **columns: Sequence[str]) -> Table:
    return read_columns(path, **columns)


def test_the_first_column_are_the_words_and_the_last_the_tags(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.conll", CONLL2003))
    assert table.columns["tokens"] == [["EU", "rejects"], ["#", "1"]]
    assert table.columns["tags"] == [["I-ORG", "O"], ["O", "O"]]


def test_every_sentence_and_word_knows_its_line(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.conll", CONLL2003))
    assert table.lines == [3, 6]
    assert table.columns["token_lines"] == [[3, 4], [6, 7]]


@pytest.mark.parametrize(
    ("tags", "expected"), [("2", ["NNP", "VBZ"]), ("-3", ["NNP", "VBZ"]), ("3", ["I-NP", "I-VP"]), ("1", None)]
)
def test_columns_are_numbered_from_the_front_and_from_the_end(
    tmp_path: Path, tags: str, expected: list[str] | None
) -> None:
    columns = read(write(tmp_path / "t.conll", CONLL2003), tags=[tags]).columns
    assert (columns["tags"][0] if expected else columns.get("tags")) == expected


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    columns = read(write(tmp_path / "t.conll", "O one\nB-x two\n"), words=["2"], tags=["1"]).columns
    assert (columns["tokens"], columns["tags"]) == ([["one", "two"]], [["O", "B-x"]])


def test_a_single_column_has_no_tags(tmp_path: Path) -> None:
    columns = read(write(tmp_path / "t.conll", "one\ntwo\n\nthree\n")).columns
    assert columns["tokens"] == [["one", "two"], ["three"]]
    assert "tags" not in columns


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.conll", "a b\tO\nc\tB-x\n"),
        ("t.conll", "a b\tO\r\nc\tB-x\r\n\r\n"),
        ("t.conll", b"\xef\xbb\xbfa b\tO\nc\tB-x"),
        ("t.tsv", "\n\na b\tO \nc\tB-x\n \t\n\n"),
        ("t.conll.gz", gzip.compress(b"a b\tO\nc\tB-x\n")),
        ("wnut.test.annotated", "a b\tO\nc\tB-x\n"),
    ],
)
def test_between_tabs_a_word_may_hold_spaces(tmp_path: Path, name: str, content: str | bytes) -> None:
    columns = read(write(tmp_path / name, content)).columns
    assert columns["tokens"] == [["a b", "c"]]
    assert columns["tags"] == [["O", "B-x"]]


@pytest.mark.parametrize("word", ["\u00a0", "\u3000", "a\u2028b", "\u0085", "\u200b"])
def test_unicodes_white_space_is_part_of_a_word(tmp_path: Path, word: str) -> None:
    for between in ("\t", " ", "  "):
        columns = read(write(tmp_path / "t.conll", f"{word}{between}O\nb{between}O\n")).columns
        assert columns["tokens"] == [[word, "b"]]


def test_conllu_gives_its_forms_and_universal_tags_without_contractions_and_left_out_words(tmp_path: Path) -> None:
    table = read(write(tmp_path / "t.conllu", CONLLU))
    assert table.columns["tokens"] == [["vámonos", "a", "el", "mar"], ["#"]]
    assert table.columns["tags"] == [["VERB", "ADP", "DET", "NOUN"], ["SYM"]]
    assert table.columns["id"] == ["vamos-1", "vamos-2"]
    assert table.columns["token_lines"] == [[4, 6, 7, 9], [12]]


@pytest.mark.parametrize(("tags", "first"), [(["xpos"], "VV"), (["XPOS"], "VV"), (["5"], "VV"), (["lemma"], "ir")])
def test_columns_of_conllu_have_names(tmp_path: Path, tags: list[str], first: str) -> None:
    assert read(write(tmp_path / "t.conllu", CONLLU), tags=tags).columns["tags"][0][0] == first


def test_the_first_of_several_columns_that_is_there_is_taken(tmp_path: Path) -> None:
    wanted = ["upos", "-1"]
    assert read(write(tmp_path / "t.conllu", CONLLU), tags=wanted).columns["tags"][0][0] == "VERB"
    assert read(write(tmp_path / "t.conll", CONLL2003), tags=wanted).columns["tags"][0][0] == "I-ORG"


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        (
            "t.conll",
            "EU NNP I-ORG\nrejects VBZ\n",
            "t.conll:2: 2 columns on this line, expected 3 as on line 1",
            "columns stand between spaces here, and a blank line ends a sentence",
        ),
        (
            "t.conll",
            "\nEU\tI-ORG\nrejects O\n",
            "t.conll:3: 1 column on this line, expected 2 as on line 2",
            "columns stand between TABs here",
        ),
        ("t.conll", "EU\tO\n\tO\n", "t.conll:2: an empty word", "a blank line ends a sentence"),
        ("t.conll", "EU\tO\nin\t\n", "t.conll:2: the word 'in' has no tag", None),
        ("t.conll", "\n\n", "t.conll: there is no sentence in the file", "a word and its tag stand on each line"),
        ("t.conll", "", "t.conll: there is no sentence in the file", None),
        ("t.conll", "-DOCSTART- O\n\n", "t.conll: there is no sentence in the file", None),
        ("t.conllu", "# text = x\n", "t.conllu: there is no sentence in the file", None),
        (
            "t.conllu",
            "1\ta\tO\n",
            "t.conllu:1: 3 columns on this line, CoNLL-U has 10",
            "a file of another kind of columns ends in .conll",
        ),
        ("t.conllu", CONLLU + "2\ta\n", "t.conllu:13: 2 columns on this line, expected 10 as on line 4", None),
        ("t.conll", b"a\tO\nb\xff\tO\n", "t.conll:2: not UTF-8: byte 0xff", "iconv"),
    ],
)
def test_faults_name_file_and_line(
    tmp_path: Path, name: str, content: str | bytes, message: str, hint: str | None
) -> None:
    with pytest.raises(InputFileError) as caught:
        read(write(tmp_path / name, content))
    assert message in str(caught.value)
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("name", "columns", "message", "hint"),
    [
        ("t.conll", {"tags": ["5"]}, "no column '5'", "columns are numbered from 1 to 4, or from -1 backwards"),
        ("t.conll", {"tags": ["0"]}, "no column '0'", "choose with --label-column"),
        ("t.conll", {"tags": ["-5", "ner"]}, "no column '-5' or 'ner'", "choose with --label-column"),
        ("t.conll", {"words": ["form"]}, "no column 'form'", "choose with --text-column"),
        ("t.conllu", {"tags": ["upso"]}, "no column 'upso'", "did you mean 'upos'? columns: id, form, lemma, upos"),
    ],
)
def test_a_column_that_is_not_there_says_which_are(
    tmp_path: Path, name: str, columns: dict[str, Any], message: str, hint: str
) -> None:
    content = CONLLU if name.endswith("u") else "EU NNP I-NP I-ORG\n"
    with pytest.raises(InputFileError) as caught:
        read(write(tmp_path / name, content), **columns)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")
