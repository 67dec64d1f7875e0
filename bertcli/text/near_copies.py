"""Near-copies: texts that share most of their runs of five words with a text that must stay unseen."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

RUN_WORDS = 5
OVERLAP = 0.5
"""Share of the runs of the shorter text; stricter than the same Jaccard index, and finds a text inside a longer one."""

_WORD = re.compile(r"\w+")

Run = tuple[str, ...]


def runs_of(text: str) -> set[Run]:
    """All runs of five words, lower-cased; a shorter text is one run."""
    words = _WORD.findall(text.lower())
    return {tuple(words[start : start + RUN_WORDS]) for start in range(max(1, len(words) - RUN_WORDS + 1))}


class NearCopies:
    """Tells whether a text is a near-copy of one of the texts that it was made with."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._sizes: list[int] = []
        self._holders: dict[Run, list[int]] = {}
        for number, text in enumerate(texts):
            runs = runs_of(text)
            self._sizes.append(len(runs))
            for run in runs:
                self._holders.setdefault(run, []).append(number)

    def __contains__(self, text: str) -> bool:
        runs = runs_of(text)
        shared = Counter(number for run in runs for number in self._holders.get(run, ()))
        return any(count >= OVERLAP * min(len(runs), self._sizes[number]) for number, count in shared.items())
