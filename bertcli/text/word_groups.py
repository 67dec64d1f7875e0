"""How a vocabulary fits groups of words: frequent and rare ones, and those of each script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bertcli.text.scripts import script_of_word
from bertcli.text.vocabulary_fit import Segmentation

BANDS = (100, 1_000, 10_000, 100_000)
"""Ranks at which bands of frequency end; the last band has no end."""


@dataclass(frozen=True)
class Band:
    """Distinct words of the ranks ``first`` to ``last`` by frequency, and the share of them that are one piece."""

    first: int
    last: int | None
    words: int
    one_piece: float | None
    """None where there are no words."""


@dataclass(frozen=True)
class ScriptFit:
    """The words of one script, as often as they occur."""

    script: str
    words: int
    pieces_per_word: float
    unknown_words: float


def fit_by_frequency(cut: Segmentation, times: NDArray[np.int64]) -> list[Band]:
    """The bands of frequency; equally frequent words stand in their order. A word that is [UNK] is not one piece."""
    one_piece = (cut.pieces == 1) & ~cut.is_unknown
    ranked = one_piece[np.argsort(-times, kind="stable")]
    bands = []
    for begin, end in zip((0, *BANDS), (*BANDS, None), strict=True):
        some = ranked[begin:end]
        bands.append(Band(begin + 1, end, len(some), float(some.mean()) if len(some) else None))
    return bands


def fit_by_script(words: Sequence[str], cut: Segmentation, times: NDArray[np.int64]) -> list[ScriptFit]:
    """The scripts of the words, most frequent first."""
    numbers: dict[str, int] = {}
    of_word = [numbers.setdefault(script_of_word(word), len(numbers)) for word in words]
    occurrences, pieces, unknown = (
        np.bincount(of_word, weights=values * times, minlength=len(numbers))
        for values in (np.ones(len(words)), cut.pieces, cut.is_unknown)
    )
    fits = [
        ScriptFit(script, int(count), float(pieces[number] / count), float(unknown[number] / count))
        for (script, number), count in zip(numbers.items(), occurrences, strict=True)
    ]
    return sorted(fits, key=lambda fit: -fit.words)
