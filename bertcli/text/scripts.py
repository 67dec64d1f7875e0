"""The script of characters and words, by the names that Unicode gives to characters."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache

DIGITS, SYMBOLS, OTHER = "digits", "punctuation and symbols", "other letters"

_SCRIPTS = {
    "CJK": "Han",
    "IDEOGRAPHIC": "Han",
    "KATAKANA-HIRAGANA": "Katakana",
    "FEMININE": "Latin",
    "MASCULINE": "Latin",
    "MICRO": "Greek",
}
"""Where a name does not begin with its script."""
_FORMS = re.compile("(FULLWIDTH|HALFWIDTH|SUPERSCRIPT|VERTICAL) ")
_OF_TWO_WORDS = ("OLD", "NEW", "TAI", "LINEAR")
_NO_SCRIPT = re.compile(
    "(ALEF|ANGSTROM|BET|BLACK|CARON|DALET|DOUBLE|EULER|GIMEL|INFORMATION|KELVIN|MASU|MATHEMATICAL|MODIFIER|OHM|PLANCK|"
    r"ROMAN|SCRIPT|TURNED)\b"
)
"""Names of letters that belong to no script, such as MATHEMATICAL BOLD CAPITAL A."""


@cache
def script_of_character(character: str) -> str:
    """``Latin``, ``Han``, … for a letter, ``digits`` for all of Unicode's numbers, else ``punctuation and symbols``.

    Marks that stand on letters are no letters.
    """
    category = unicodedata.category(character)[0]
    if category != "L":
        return DIGITS if category == "N" else SYMBOLS
    name = _FORMS.sub("", unicodedata.name(character, ""))
    if not name or _NO_SCRIPT.match(name):
        return OTHER
    words = name.split(" ")
    if words[0] in _SCRIPTS:
        return _SCRIPTS[words[0]]
    return " ".join(words[: 2 if words[0] in _OF_TWO_WORDS else 1]).title()


def script_of_word(word: str) -> str:
    """The script of most of its letters, the earlier one of equals; without letters, digits before symbols."""
    if word.isascii() and word.isalpha():
        return "Latin"
    counts = Counter(map(script_of_character, word))
    letters = {script: count for script, count in counts.items() if script not in (DIGITS, SYMBOLS)}
    if letters:
        return max(letters, key=letters.__getitem__)
    return DIGITS if DIGITS in counts else SYMBOLS
