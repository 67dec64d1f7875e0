"""Words of Chinese from a list."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.errors import InputFileError
from bertcli.text.word_list import ListedWords


def listed(folder: Path, *lines: str) -> ListedWords:
    path = folder / "words.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return ListedWords(path)


@pytest.mark.parametrize(
    ("words", "sentence", "expected"),
    [
        (["北京", "大学", "北京大学"], "在北京大学，北京", "在 北京大学，北京"),
        (["研究", "研究生", "生命", "起源"], "研究生命起源", "研究生 命 起源"),  # three words either way
        (["甲乙", "乙丙", "甲乙丙"], "甲乙丙", "甲乙丙"),
        (["甲乙", "乙丙"], "甲乙丙", "甲乙 丙"),  # of two ways with two words the one with the longer first
        (["甲乙", "丙丁", "乙丙丁"], "甲乙丙丁", "甲乙 丙丁"),  # as long a first word comes before a long second
        (["甲乙"], "丙丁甲", "丙 丁 甲"),
        (["甲乙"], "甲 乙a甲乙", "甲 乙a甲乙"),
        (["甲乙"], "", ""),
        (["甲乙"], "no ideograph", "no ideograph"),
        (["𠀀𠀁"], "𠀀𠀁𠀂", "𠀀𠀁 𠀂"),
    ],
)
def test_the_fewest_words_are_taken_and_then_the_longest_first(tmp_path, words, sentence, expected):
    assert listed(tmp_path, *words)(sentence) == expected


@settings(max_examples=150, deadline=None)
@given(
    words=st.sets(st.text("甲乙丙", min_size=2, max_size=4), min_size=1, max_size=8), text=st.text("甲乙丙", max_size=9)
)
def test_all_ways_of_cutting_give_the_same(tmp_path_factory, words, text):
    found = listed(tmp_path_factory.mktemp("w"), *words)(text).split()

    @cache
    def best(rest: str) -> tuple[int, tuple[int, ...]]:
        """Fewest words, then by the lengths (negative) of the words from the first on."""
        if not rest:
            return 0, ()
        ways = [
            (1 + best(rest[size:])[0], (-size, *best(rest[size:])[1]))
            for size in range(1, len(rest) + 1)
            if size == 1 or rest[:size] in words
        ]
        return min(ways)

    assert [-len(word) for word in found] == list(best(text)[1])


def test_further_columns_and_words_with_other_characters_are_passed_over(tmp_path):
    cut = listed(tmp_path, "\ufeff北京 34488 ns", "", "卡拉OK 3 n", "大学\t5", "  上海 ", "甲乙，")
    assert cut("北京大学上海甲乙") == "北京 大学 上海 甲 乙"


@pytest.mark.parametrize("lines", [[], ["我", "你 3 r"], ["ab 12", "卡拉OK"]])
def test_a_list_without_a_word_of_two_ideographs_is_refused(tmp_path, lines):
    with pytest.raises(InputFileError, match="no word of two or more ideographs in it") as error:
        listed(tmp_path, *lines)
    assert error.value.hint == (
        "--words takes a file of UTF-8 text with one word a line; what follows a space is passed over"
    )


def test_a_list_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "words.txt").write_bytes("北京".encode("gb18030"))
    with pytest.raises(InputFileError, match=r"words\.txt: not UTF-8: byte 0xb1 at offset 0"):
        ListedWords(tmp_path / "words.txt")


def test_words_that_were_met_are_cut_as_before(tmp_path, monkeypatch):
    monkeypatch.setattr("bertcli.text.word_list._MOST_KNOWN_RUNS", 1)
    cut = listed(tmp_path, "甲乙")
    for _, sentence in product(range(2), ("甲乙丙", "丙甲乙")):
        assert cut(sentence).replace(" ", "") == sentence
        assert "甲乙" in cut(sentence).split()
