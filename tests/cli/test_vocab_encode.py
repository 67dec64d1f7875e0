"""``vocab encode``: one text, and the lines of standard input."""

from __future__ import annotations

import io
import json

import pytest
import transformers

from bertcli.stages import vocab_encode
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_making import wordpiece_tokenizer

PIECES = [*SPECIALS, "the", "tree", "##s", "are", "tall", ".", "café", "cafe", "文"]
TEXT = "The trees are  tall. Café 文字"


@pytest.fixture(autouse=True)
def vocabulary(workplace) -> None:
    wordpiece_tokenizer(PIECES, lowercase=True).save(workplace / "vocab")


def given_lines(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_text_is_cut_as_by_transformers(bertcli):
    report = bertcli("vocab", "encode", TEXT, "--vocab", "vocab", "--json").json()
    theirs = transformers.BertTokenizerFast.from_pretrained("vocab")(
        TEXT, add_special_tokens=False, return_offsets_mapping=True
    )
    assert report["ids"] == theirs["input_ids"]
    assert [tuple(pair) for pair in report["offsets"]] == theirs["offset_mapping"]
    assert report["pieces"] == ["the", "tree", "##s", "are", "tall", ".", "cafe", "文", "[UNK]"]
    assert report["text"] == TEXT


def test_a_terminal_gets_pieces_ids_and_what_they_stand_for(bertcli):
    lines = bertcli("vocab", "encode", "Café trees", "--vocab", "vocab").out.splitlines()
    assert lines[0] == "3 pieces"
    assert [line.split() for line in lines[-4:-1]] == [
        ["cafe", "12", "0…4", "Café"],
        ["tree", "6", "5…9", "tree"],
        ["##s", "7", "9…10", "s"],
    ]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["the tree ##s", "", "tall ."]),
        (("--show", "ids"), ["5 6 7", "", "9 10"]),
    ],
)
def test_every_line_of_standard_input_gets_its_line(arguments, expected, bertcli, monkeypatch):
    given_lines(monkeypatch, b"The trees\n\r\ntall.")
    assert bertcli("vocab", "encode", "-", "--vocab", "vocab", *arguments).out.split("\n")[:-1] == expected


def test_lines_may_be_json_objects(bertcli, monkeypatch):
    given_lines(monkeypatch, "The trees\n文\n".encode())
    lines = bertcli("vocab", "encode", "-", "--vocab", "vocab", "--json").out.splitlines()
    assert [json.loads(line)["ids"] for line in lines] == [[5, 6, 7], [13]]
    assert json.loads(lines[1]) == {"text": "文", "pieces": ["文"], "ids": [13], "offsets": [[0, 1]]}


def test_lines_keep_their_order_over_several_processes(bertcli, monkeypatch):
    monkeypatch.setattr(vocab_encode, "_CHARACTERS_PER_CALL", 10)
    lines = ["the " * (1 + number % 7) + "tree" for number in range(200)]
    given_lines(monkeypatch, "\n".join(lines).encode())
    assert bertcli("vocab", "encode", "-", "--vocab", "vocab", "--workers", 2).out.splitlines() == lines


def test_a_line_that_is_not_utf_8_is_named(bertcli, monkeypatch):
    given_lines(monkeypatch, b"the\ntall \xff\n")
    outcome = bertcli("vocab", "encode", "-", "--vocab", "vocab")
    assert outcome.code == 2
    assert "error: standard input:2: not UTF-8: byte 0xff at position 6 of the line\n" in outcome.err
    assert "hint: --errors replace reads it with U+FFFD there, or convert it with `iconv -t UTF-8`" in outcome.err
    given_lines(monkeypatch, b"the\ntall \xff\n")
    replaced = bertcli("vocab", "encode", "-", "--vocab", "vocab", "--errors", "replace")
    assert replaced.out.splitlines() == ["the", "tall"]


def test_a_vocabulary_that_is_not_there_is_asked_for(bertcli):
    outcome = bertcli("vocab", "encode", "the", "--vocab", "nowhere")
    assert outcome.code == 2
    assert "`bertcli vocab build CORPUS` makes a vocabulary" in outcome.err


def test_a_worker_that_is_killed_is_told(bertcli, monkeypatch):
    monkeypatch.setattr(vocab_encode, "_CHARACTERS_PER_CALL", 1)
    monkeypatch.setattr(vocab_encode._LineEncoder, "__call__", lambda self, lines: __import__("os")._exit(9))
    given_lines(monkeypatch, b"the\n" * 20)
    outcome = bertcli("vocab", "encode", "-", "--vocab", "vocab", "--workers", 2)
    assert outcome.code == 1
    assert "error: a worker process was killed, most likely for want of memory" in outcome.err
    assert "hint: fewer --workers need less memory" in outcome.err


def test_the_name_of_a_file_is_cut_with_a_word_of_warning(bertcli, workplace):
    (workplace / "the").write_text("tall trees")
    outcome = bertcli("vocab", "encode", "the", "--vocab", "vocab", "--json")
    assert outcome.json()["pieces"] == ["the"]
    assert (
        "note: the is a file, and its name is what is cut; for its lines: bertcli vocab encode - < FILE" in outcome.err
    )


def test_a_text_in_place_of_a_vocabulary_is_told(bertcli, workplace):
    (workplace / "text.txt").write_text("the\ntall trees\n")
    outcome = bertcli("vocab", "encode", "the", "--vocab", "text.txt")
    assert outcome.code == 2
    assert "error: text.txt:2: a line with spaces: this is a text, not a vocabulary\n" in outcome.err


def test_a_file_that_lacks_special_pieces_is_named(bertcli, workplace):
    (workplace / "few.txt").write_text("\ufeff[PAD]\n[UNK]\nthe\n")
    outcome = bertcli("vocab", "encode", "the", "--vocab", "few.txt")
    assert "error: few.txt: the vocabulary lacks [CLS], [SEP], [MASK]\n" in outcome.err


def test_a_vocabulary_with_capitals_is_cased_where_nothing_is_said(bertcli, workplace):
    (workplace / "cased.txt").write_text("\n".join([*SPECIALS, "The", "the", "Tree", "tree"]))
    outcome = bertcli("vocab", "encode", "The tree", "--vocab", "cased.txt", "--json")
    assert outcome.json()["pieces"] == ["The", "tree"]
    assert "note: cased.txt has pieces with capital letters, and nothing says that text is lower-cased" in outcome.err


def test_two_files_that_disagree_are_told(bertcli, workplace):
    listed = workplace / "vocab" / "vocab.txt"
    listed.write_text(listed.read_text().replace("tall\n", "small\n"))
    outcome = bertcli("vocab", "encode", "tall", "--vocab", "vocab", "--json")
    assert outcome.json()["pieces"] == ["tall"]
    assert "vocab.txt and tokenizer.json have different pieces: those of the latter are used" in outcome.err


def test_a_file_that_contradicts_its_casing_is_told_where_that_is_said(bertcli, workplace):
    (workplace / "cased.txt").write_text("\n".join([*SPECIALS, "The", "the", "Tree", "tree"]))
    (workplace / "tokenizer_config.json").write_text('{"do_lower_case": true}')
    outcome = bertcli("mask", "build", "corpus.txt", "--vocab", "cased.txt", "-o", "new")
    assert outcome.code == 2
    assert "error: cased.txt: a cased vocabulary with lower-casing" in outcome.err
    assert 'hint: set "do_lower_case": false in tokenizer_config.json\n' in outcome.err
