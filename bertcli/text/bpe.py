"""Byte-pair encoding in its classical form: the last character of a word carries ``</w>`` (Sennrich et al. 2016)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bertcli.core.messages import Progress
from bertcli.text.alphabet import choose_alphabet
from bertcli.text.merges import learn_merges
from bertcli.text.pieces import SPECIALS, WORD_END
from bertcli.text.words import WordCounts


@dataclass(frozen=True)
class BytePairs:
    """Pieces in the order of their ids, and merges in the order in which they are applied."""

    pieces: list[str]
    merges: list[tuple[str, str]]


def learn_bpe(words: WordCounts, *, size: int, min_count: int = 2, progress: Progress | None = None) -> BytePairs:
    """Specials, characters, then what was merged; at most ``size`` pieces.

    Fewer where no two neighbours occur ``min_count`` times any more. The same words in the same order give the same
    pieces and merges.
    """
    alphabet = choose_alphabet(words)
    split = [([*word[:-1], word[-1] + WORD_END], count) for word, count in words.items() if alphabet.issuperset(word)]
    units: Counter[str] = Counter()
    for symbols, count in split:
        for symbol in symbols:
            units[symbol] += count
    room = max(0, size - len(SPECIALS))
    pieces = dict.fromkeys((*SPECIALS, *sorted(unit for unit, _ in units.most_common(room))))
    merges: list[tuple[str, str]] = []
    for merge in learn_merges(split, min_count=min_count, join=str.__add__) if len(pieces) < size else ():
        if merge.merged not in pieces and len(pieces) == size:
            break
        pieces[merge.merged] = None
        merges.append((merge.left, merge.right))
        if progress is not None:
            progress.update(len(pieces))
    return BytePairs(list(pieces), merges)
