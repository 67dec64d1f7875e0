"""Which characters BERT cuts out as words, by the tokenizers library itself."""

from __future__ import annotations

import re
import unicodedata

import pytest
from tokenizers import normalizers

from bertcli.text.ideographs import IDEOGRAPHS, are_side_by_side, followers
from bertcli.text.normalization import WordRules

EVERY = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
OURS = set(re.findall(f"[{IDEOGRAPHS}]", "".join(EVERY)))


def test_they_are_the_characters_that_the_library_puts_spaces_around():
    padding = normalizers.BertNormalizer(
        clean_text=False, handle_chinese_chars=True, strip_accents=False, lowercase=False
    )
    padded = padding.normalize_str("|".join(EVERY[0x21:]))
    assert set(re.findall(r"(?<=\| )[^ ](?= \|)", padded)) == OURS


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_every_normal_form_of_one_is_one(form):
    assert {unicodedata.normalize(form, character) for character in OURS} <= OURS


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [("a中", "文b", True), ("中，", "文", False), ("a", "文", False), ("中", " 文", False), ("", "文", False)],
)
def test_two_texts_meet_with_ideographs(before, after, expected):
    assert are_side_by_side(before, after) is expected


@pytest.mark.parametrize(
    ("text", "directly"),
    [
        ("中文字", "文字"),
        ("中 文字", "字"),
        ("中\u3000文", ""),
        ("中\t文", ""),
        ("中\n文", ""),
        ("中\u00a0文", ""),
        ("中\u200b文", "文"),  # cleaned away
        ("中\u0301文", "文"),  # an accent that is stripped
        ("中，文", ""),
        ("中a文", ""),
        ("a  b 中", ""),
    ],
)
def test_what_directly_follows_another_is_told_in_cleaned_text(text, directly):
    cleaned = WordRules(lowercase=True).normalizer().normalize_str(text)
    assert "".join(cleaned[place] for place in sorted(followers(cleaned))) == directly
