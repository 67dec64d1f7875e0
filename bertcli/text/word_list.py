"""Words of Chinese from a list: ideographs in a row are cut into the fewest words."""

from __future__ import annotations

import re
from pathlib import Path

from bertcli.errors import InputFileError
from bertcli.text.ideographs import IDEOGRAPHS, is_all_ideographs
from bertcli.text.lines import read_lines

_RUN = re.compile(f"[{IDEOGRAPHS}]{{2,}}")
_MOST_KNOWN_RUNS = 200_000
"""Runs of ideographs whose words are remembered."""


class ListedWords:
    """A function from a sentence to the same with a space between two words of ideographs.

    Ideographs in a row are cut into the fewest words; of several such ways the one whose first word is the longest is
    taken, then the one whose second is, and so on. An ideograph alone is a word, listed or not.
    """

    def __init__(self, path: Path) -> None:
        """A word is what stands before the first white space of a line; words with other characters are passed over.

        Raises ``InputFileError`` where there is no word of two ideographs, or the file is not UTF-8.
        """
        hint = "--words takes a file of UTF-8 text with one word a line; what follows a space is passed over"
        self._words: set[str] = set()
        try:
            for line in read_lines(path):
                word = next(iter(line.split(maxsplit=1)), "")
                if len(word) > 1 and is_all_ideographs(word):
                    self._words.add(word)
        except InputFileError as error:
            raise InputFileError(error.message, path=path, hint=hint) from error
        if not self._words:
            raise InputFileError("no word of two or more ideographs in it", path=path, hint=hint)
        lengths: dict[str, set[int]] = {}
        for word in self._words:
            lengths.setdefault(word[0], set()).add(len(word))
        self._lengths = {first: sorted(of_first) for first, of_first in lengths.items()}
        """Of the words with each first ideograph."""
        self._known: dict[str, str] = {}

    def __call__(self, sentence: str) -> str:
        """Spaces are put between two ideographs alone, where they never change what BERT makes of a text."""
        return _RUN.sub(self._spaced, sentence)

    def _spaced(self, run: re.Match[str]) -> str:
        text = run[0]
        spaced = self._known.get(text)
        if spaced is None:
            if len(self._known) >= _MOST_KNOWN_RUNS:
                self._known.clear()
            spaced = self._known[text] = " ".join(self._cut(text))
        return spaced

    def _cut(self, text: str) -> list[str]:
        """The words of ideographs in a row, by the fewest words of every end of it, from the last one on."""
        size = len(text)
        fewest = [0] * (size + 1)
        longest = [1] * size
        for at in range(size - 1, -1, -1):
            best, length = fewest[at + 1], 1
            for more in self._lengths.get(text[at], ()):
                if at + more > size:
                    break
                if fewest[at + more] <= best and text[at : at + more] in self._words:
                    best, length = fewest[at + more], more
            fewest[at], longest[at] = best + 1, length
        words = []
        at = 0
        while at < size:
            words.append(text[at : at + longest[at]])
            at += longest[at]
        return words
