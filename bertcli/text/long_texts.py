"""Long texts cut where BERT's splitting cuts them anyway, so that none has to be worked on in one piece.

The tokenizers library takes some hundred bytes for each byte of a text, and a file may be a single line.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from tokenizers import pre_tokenizers

from bertcli.text.pieces import LONGEST_WORD

LONGEST_TEXT = 100_000
"""Characters that are worked on in one piece."""
LONGEST_TOLD_APART = 1_000
"""Letters by which words are told apart where those are counted, too, that are unknown to BERT for their length."""

_JOINED = 3
"""Letters that a normal form makes one of at most: those of a Hangul syllable."""
_BASIC_PLANE = [*map(chr, range(0xD800)), *map(chr, range(0xE000, 0x10000))]
"""All characters but surrogates, which no text has, and those of the other planes, which would make searching slow."""
_IDEOGRAPHS = "\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002a6df\U0002a700-\U0002b81f\U0002b920-\U0002ceaf"
_MORE_IDEOGRAPHS = "\uf900-\ufaff"
"""Those that a normal form makes others of."""
_JOINING_MARKS = "<=>"
"""A stroke behind them, U+0338, joins them to a sign that does not split: ≠."""
_NULS = re.compile("\0\0+")
_LETTER = re.compile(r"[^\W_\uff9e\uff9f]")
"""A letter or digit, of which no cleaning leaves nothing. The two are sound marks of halfwidth kana."""


def cut_long(
    text: str, *, at_ideographs: bool = True, longest: int = LONGEST_TEXT, longest_word: int | None = LONGEST_WORD
) -> Iterator[str]:
    """Parts of a text with the pieces of the whole, one after the other; ``at_ideographs`` where those stand alone.

    A part has ``longest`` characters and the rest of a word. Left out are NULs that follow one another, which cleaning
    removes, and the rest of words that are unknown already, as those of more than ``longest_word`` characters are; with
    None no word is.
    """
    start = 0
    while len(text) - start > longest:
        found = _place(at_ideographs).search(text, start + longest)
        end = found.start() if found else len(text)
        rest = _NULS.sub("\0", text[start + longest : end])
        yield text[start : start + longest] + (rest if longest_word is None else _shortened(rest, longest_word))
        start = end
    yield text[start:]


def cut_long_parts(
    text: str, *, at_ideographs: bool = True, longest: int = LONGEST_TEXT, longest_word: int | None = LONGEST_WORD
) -> Iterator[str]:
    """The same, but what stands between two spaces is cut as if it stood alone, whatever stands around it.

    So every part has the same words in each text, and the same ones where it is looked up by itself.
    """
    start = 0
    while len(text) - start > longest:
        end = text.rfind(" ", start, start + longest + 1)
        if end >= 0:
            yield text[start:end]
        else:
            end = text.find(" ", start + longest)
            end = end if end >= 0 else len(text)
            part = text[start:end]
            yield from cut_long(part, at_ideographs=at_ideographs, longest=longest, longest_word=longest_word)
        start = end + 1
    yield text[start:]


def _shortened(text: str, longest_word: int) -> str:
    """The text without the letters of each word that follow when it is longer than it may be after any cleaning."""
    letters = longest_word * _JOINED
    if len(text) <= letters:
        return text

    def beginning(run: re.Match[str]) -> str:
        beyond = next(islice(_LETTER.finditer(run[0]), letters + 1, None), None)
        return run[0][: beyond.start()] if beyond else run[0]

    return _unsplit().sub(beginning, text)


@cache
def _place(at_ideographs: bool) -> re.Pattern[str]:
    """A character before which a text may be cut: it splits in every normal form, and none joins it there."""
    places = (
        character
        for character in _splitting()
        if (unicodedata.category(character)[0] in "PZ" or character in f"\t\n\r{string.punctuation}")
        and unicodedata.normalize("NFKC", character)[0] in _splitting()
        and character not in _JOINING_MARKS
    )
    return re.compile(f"[{_class_of(places)}{_IDEOGRAPHS if at_ideographs else ''}]")


@cache
def _unsplit() -> re.Pattern[str]:
    """Characters in a row of which none splits in any normal form; those beyond the basic plane are not looked at."""
    ideograph = re.compile(f"[{_IDEOGRAPHS}{_MORE_IDEOGRAPHS}]")
    splitting = []
    for character in _BASIC_PLANE:
        forms = character + unicodedata.normalize("NFKC", character)
        if _splitting() & set(forms) or ideograph.search(forms):
            splitting.append(character)
    return re.compile(f"[^{_class_of(splitting)}\U00010000-\U0010ffff]+")


@cache
def _splitting() -> frozenset[str]:
    """The characters at which the library splits: white space, and what it takes for punctuation."""
    words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str(f"a{'a'.join(_BASIC_PLANE)}a")
    return frozenset(_BASIC_PLANE) - set("".join(word for word, _ in words if len(word) > 1))


def _class_of(characters: Iterable[str]) -> str:
    return "".join(map(re.escape, characters))
