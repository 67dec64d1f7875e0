"""Phrases found by their pieces, against a plain search."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.errors import InputFileError
from bertcli.text.phrases import PhraseFinder, read_phrases
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer_making import wordpiece_tokenizer

TOKENIZER = wordpiece_tokenizer([*SPECIALS, *"abcde", "##x", "##y", "中", "文", "-"], lowercase=True)


def finder(folder: Path, *phrases: str) -> PhraseFinder:
    path = folder / "phrases.txt"
    path.write_text("\n".join(phrases), encoding="utf-8")
    return PhraseFinder.of(path, TOKENIZER)


def marked(found: PhraseFinder, *sentences: str, marks: list[int] | None = None) -> list[int]:
    encoded = TOKENIZER.encode_with(sentences, word_starts=True)
    assert encoded.word_starts is not None
    values = np.array(marks or [0] * len(encoded.ids), np.uint8)
    found.mark(encoded.ids, encoded.ends, encoded.word_starts, values)
    return values.tolist()


@pytest.mark.parametrize(
    ("phrases", "sentences", "expected"),
    [
        (["a b"], ["c A  B c"], [0, 1, 2, 0]),
        (["a b", "a b c", "b c d"], ["a b c d"], [1, 2, 2, 0]),  # the longest at the first place
        (["a b", "a b c", "b c d"], ["a b d b c d"], [1, 2, 0, 1, 2, 2]),
        (["a b", "b c", "c d"], ["a b c d"], [1, 2, 1, 2]),
        (["a", "b"], ["a b ax"], [1, 1, 0, 0]),
        (["ax b"], ["ax b ax by"], [1, 2, 2, 0, 0, 0, 0]),  # not the beginning of a word
        (["a b"], ["a", "b"], [0, 0]),  # not beyond a sentence
        (["a b"], ["", "a b", "", "a"], [1, 2, 0]),
        (["a-b"], ["a - b"], [1, 2, 2]),
        (["e e"], ["e e e e e"], [1, 2, 1, 2, 0]),
        (["中文"], ["中文a中 文"], [1, 2, 0, 1, 2]),
        (["中"], ["中文a中 文"], [0, 0, 0, 1, 0]),  # where words are known, not a part of one
        (["a"], [], []),
        (["a"], [""], []),
    ],
)
def test_from_left_to_right_the_longest_phrase_of_whole_words_is_taken(tmp_path, phrases, sentences, expected):
    assert marked(finder(tmp_path, *phrases), *sentences) == expected


def test_what_is_marked_already_stays_and_a_shorter_phrase_beside_it_is_found(tmp_path):
    found = finder(tmp_path, "a b", "a b c", "d e")
    assert marked(found, "a b c d e", marks=[0, 0, 1, 0, 0]) == [1, 2, 1, 1, 2]
    assert marked(found, "a b c d e", marks=[0, 1, 2, 0, 0]) == [0, 1, 2, 1, 2]
    assert marked(found, "a b c d e", marks=[0, 0, 0, 1, 2]) == [1, 2, 2, 1, 2]


WORDS = ["a", "b", "ax", "axy", "c", "中文"]


@settings(max_examples=60, deadline=None)
@given(
    phrases=st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join), min_size=1, max_size=6),
    sentences=st.lists(st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join), max_size=4),
)
def test_a_plain_search_finds_the_same(tmp_path_factory, phrases, sentences):
    found = marked(finder(tmp_path_factory.mktemp("p"), *phrases), *sentences)
    expected = []
    for sentence in sentences:
        words = sentence.split()
        at = 0
        while at < len(words):
            lengths = [n for n in range(4, 0, -1) if " ".join(words[at : at + n]) in phrases and at + n <= len(words)]
            size = lengths[0] if lengths else 1
            pieces = sum(len(word) for word in words[at : at + size])
            expected += [1] + [2] * (pieces - 1) if lengths else [0] * pieces
            at += size
    assert found == expected


def test_blank_lines_comments_and_repetitions_are_passed_over(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_bytes(b"\xef\xbb\xbf# names\r\n\r\n a \t b \r\n\r\n  # more\r\na b\r\nc\r\n")
    assert read_phrases(path) == {"a b": 3, "c": 7}


def refused(path: Path) -> tuple[str, str | None]:
    with pytest.raises(InputFileError) as error:
        PhraseFinder.of(path, TOKENIZER)
    return str(error.value), error.value.hint


HINT = "--phrases takes a file with one phrase a line"


def test_a_file_without_phrases_is_refused(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_text("# nothing\n\n")
    assert refused(path) == (f"{path}: no phrase in it", HINT)


def test_a_phrase_of_too_many_words_is_refused_with_its_line(tmp_path):
    path = tmp_path / "phrases.txt"
    path.write_text("a b\n" + "ax " * 64 + "\n" + "ax " * 65)
    assert refused(path) == (f"{path}:3: a phrase of 65 words, and 64 are the most", HINT)


def test_a_file_that_is_not_utf_8_or_not_there_is_refused(tmp_path):
    path = tmp_path / "phrases.txt"
    hint = "--phrases takes a file of UTF-8 text with one phrase a line"
    assert refused(path) == (f"{path}: no such file", hint)
    path.write_bytes(b"a b\n\xff")
    assert refused(path) == (f"{path}: not UTF-8: byte 0xff at offset 4", hint)


def test_phrases_with_unknown_pieces_are_left_out_and_counted(tmp_path, monkeypatch):
    said: list[str] = []
    monkeypatch.setattr("bertcli.text.phrases.notice", said.append)
    assert marked(finder(tmp_path, "a q", "a b"), "a z a b") == [0, 0, 1, 2]
    assert said == [f"{tmp_path / 'phrases.txt'}: 1 of 2 phrases have pieces the vocabulary lacks"]
