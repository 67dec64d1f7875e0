"""Sentences of English and Chinese text, by rule.

A line end always ends a sentence, so that headings and paragraphs stand alone. Within a line a stop ends a sentence,
unless what stands before it (an abbreviation, an initial, the number of a list) or after it (a small letter) says
otherwise. One pass of a compiled pattern finds the stops; only they are looked at one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import chain, pairwise
from typing import Literal

Sentences = Literal["split", "line"]

_CLOSERS = r"\"'”’»)\]}』」）】》〉"
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

# A stop and what closes after it, a bracket even after a space; then white space or a Han character, unless a wide stop
# or a closer stands last.
# Nothing is matched twice (possessive runs that begin only where a run begins), so time grows with length alone.
_STOPS = ".!?…‥。！？｡"
_STOP = re.compile(
    rf"[{_STOPS}](?<![{_STOPS}][{_STOPS}])[{_STOPS}]*+[{_CLOSERS}]*+(?:\s[)\]}}]++)*+"
    rf"(?:(?=[\s{_HAN}])|(?<=[。！？｡{_CLOSERS}]))"
)
_WIDE_STOP = re.compile("[。！？｡]")
_WIDE_DOT = re.compile(rf"(?<=[{_HAN}{_CLOSERS}])．(?!\d)")  # not within a figure
_QUOTE = re.compile('["“”]')
_HAN_FOLLOWS = re.compile(rf"[!?…‥]++[{_CLOSERS}]*+[{_HAN}]")
_NEXT = re.compile(r"\s++[\"'“‘«(\[{「『（【《〈]*+\s*+(?P<first>\S)")
_NEXT_WORD = re.compile(r"[^\W\d_]+(?![\w.])")
_NEVER_FIRST = ",;:.!?…，、；：。！？｡)]}"
_TITLE_CLOSERS = "》〉"
_TO_HAN = re.compile(rf".*[{_HAN}，、：；（“「《]")
_LONGEST_ABBREVIATION = 30
_OPENERS = "\"'“‘«([{"


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


NEVER_LAST = _set_of(
    "mr mrs ms messrs mme mlle dr prof rev hon fr st ste mt ft gen col lt sgt capt cpt cmdr adm maj brig gov sen rep "
    "pres supt insp cpl pvt attn vs v cf viz e.g i.e eg ie approx ca eds trans dept univ assn bros a.k.a incl esp"
)
_BEFORE_NUMBERS = _set_of(
    "no nos nr ext p pp vol vols ch chap sec sect fig figs eq eqs art par op pt b d c r "
    "jan feb mar apr jun jul aug sep sept oct nov dec"
)
BEFORE_NAMES = _set_of(
    "inc ltd co corp jr sr al ave blvd rd ph.d m.sc mon tue tues wed thu thur thurs fri "
    "ariz calif colo conn fla mich minn okla tenn wis"
)
STARTERS = _set_of(
    "a an the in on at by for from to with after before during since until when while where as if although though "
    "because however but and or so yet nor then thus hence therefore moreover furthermore meanwhile instead later "
    "he she it they we you i his her its their our my your this that these those there here who what which why how "
    "some many most several both each every all another other one two such no not now today also under over "
    "despite"
)
_ACRONYM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")


def split_sentences(text: str) -> list[str]:
    """The sentences of a text in order, without the white space around them; no other character is lost."""
    small_letters_begin = text.islower()
    dots_are_stops = text.count("．") > text.count("。")  # older files have the one for the other
    lines = text.splitlines()
    return list(chain.from_iterable(split_line(line, small_letters_begin, dots_are_stops) for line in lines))


def split_line(line: str, small_letters_begin: bool, dots_are_stops: bool = False) -> list[str]:
    """The sentences of a line; ``small_letters_begin`` is whether its text has no capital."""
    bounds = pairwise([0, *sentence_ends(line, small_letters_begin, dots_are_stops), len(line)])
    return [stripped for begin, end in bounds if (stripped := line[begin:end].strip())]


def sentence_ends(line: str, small_letters_begin: bool, dots_are_stops: bool = False) -> list[int]:
    """Where the sentences of a line end, but for the last; ``small_letters_begin`` as in ``split_line``."""
    read = _WIDE_DOT.sub("。", line) if dots_are_stops else line
    quotes = _Quotes(read)
    ends = []
    start = 0
    for stop in _STOP.finditer(read):
        if _ends_sentence(read, start, stop, small_letters_begin):
            start = _end_of_closers(read, stop, quotes)
            ends.append(start)
    return ends


def lines_of(text: str) -> list[str]:
    """The lines of a text in order, without the white space around them; for text with a sentence a line."""
    return [stripped for line in text.splitlines() if (stripped := line.strip())]


SENTENCES: dict[Sentences, Callable[[str], list[str]]] = {"split": split_sentences, "line": lines_of}


def _ends_sentence(line: str, start: int, stop: re.Match[str], small_letters_begin: bool) -> bool:
    at, end = stop.span()
    following = _NEXT.match(line, end)
    if following is None:
        if line[end : end + 1] in (*_NEVER_FIRST, "") or line[end - 1] in _TITLE_CLOSERS:  # 《你好！》是一本书
            return False
        return bool(_WIDE_STOP.search(line, at, end) or _HAN_FOLLOWS.match(line, at))
    first = following["first"]
    if first in _NEVER_FIRST:
        return False
    if _WIDE_STOP.search(line, at, end):
        return True
    is_name = line[following.end() : following.end() + 1].isupper()  # eBay, iPhone
    if first.islower() and not small_letters_begin and not is_name:
        return False
    if end - at > 1 or line[at] != ".":
        return True
    begin = max(start, at - _LONGEST_ABBREVIATION)
    word = line[max(begin, line.rfind(" ", begin, at) + 1) : at].lstrip(_OPENERS)
    if not word:
        return True
    small = _TO_HAN.sub("", word).lower()
    if small in NEVER_LAST:
        return False
    if small in _BEFORE_NUMBERS and first.isdigit():
        return False
    is_initial = len(word) == 1 and (word.isupper() or (word.islower() and small_letters_begin))
    if is_initial or small in BEFORE_NAMES or _ACRONYM.fullmatch(word):
        next_word = _NEXT_WORD.match(line, following.start("first"))
        return next_word is not None and next_word[0].lower() in STARTERS
    return not (word.isdigit() and line[begin:at].strip() == word)


class _Quotes:
    """Whether a quotation is open, asked from left to right; a straight mark closes the one that is, else opens one."""

    def __init__(self, line: str) -> None:
        self._marks = _QUOTE.finditer(line)
        self._mark = next(self._marks, None)
        self._open = False

    def is_open(self, at: int) -> bool:
        while self._mark is not None and self._mark.start() < at:
            self._open = self._mark[0] == "“" or (self._mark[0] == '"' and not self._open)
            self._mark = next(self._marks, None)
        return self._open


def _end_of_closers(line: str, stop: re.Match[str], quotes: _Quotes) -> int:
    """Where the sentence ends; a straight quote right after a wide stop may open the next one."""
    at, end = stop.span()
    quote = line.find('"', at, end)
    if quote < 0 or not _WIDE_STOP.search(line, at, end) or quotes.is_open(at):
        return end
    return quote
