"""Scripts of characters and words, after the names in the Unicode Character Database."""

from __future__ import annotations

import pytest

from bertcli.text.scripts import script_of_character, script_of_word


@pytest.mark.parametrize(
    ("characters", "script"),
    [
        ("aZßŁꜣªº", "Latin"),
        ("Ａｚⁿ", "Latin"),  # full width, superscript
        ("中〆𠀀豈々", "Han"),
        ("яЖѣ", "Cyrillic"),
        ("αΩἀµ", "Greek"),
        ("عﻼ", "Arabic"),
        ("カｶーｰ", "Katakana"),
        ("ひ", "Hiragana"),
        ("한ᄒ", "Hangul"),
        ("कअ", "Devanagari"),
        ("ก", "Thai"),
        ("𐌀", "Old Italic"),
        ("ꡀ", "Phags-Pa"),
        ("7٣Ⅷ½〇", "digits"),
        (".,$€☃\u0301�", "punctuation and symbols"),
        ("𝐀ʰℵ", "other letters"),
    ],
)
def test_characters_have_the_script_of_their_name(characters: str, script: str):
    assert {character: script_of_character(character) for character in characters} == dict.fromkeys(characters, script)


@pytest.mark.parametrize(
    ("word", "script"),
    [
        ("walking", "Latin"),
        ("naïve", "Latin"),
        ("3rd", "Latin"),
        ("2024", "digits"),
        ("٣2", "digits"),
        ("!", "punctuation and symbols"),
        ("1€", "digits"),
        ("aбв", "Cyrillic"),  # two of three letters
        ("aб", "Latin"),  # the earlier of equals
        ("हिन्दी", "Devanagari"),  # marks are no letters
        ("中", "Han"),
    ],
)
def test_a_word_has_the_script_of_most_of_its_letters(word: str, script: str):
    assert script_of_word(word) == script
