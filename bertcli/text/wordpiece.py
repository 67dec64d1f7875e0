"""WordPiece: a vocabulary whose pieces either begin a word or, marked ``##``, continue one.

The units are joined by pair count, as in the ``tokenizers`` library.
"""

from __future__ import annotations

from collections import Counter

from bertcli.core.messages import Progress
from bertcli.text.alphabet import choose_alphabet
from bertcli.text.merges import learn_merges
from bertcli.text.pieces import CONTINUATION, SPECIALS
from bertcli.text.words import WordCounts


def learn_wordpiece(words: WordCounts, *, size: int, min_count: int = 2, progress: Progress | None = None) -> list[str]:
    """The pieces in the order of their ids: specials, characters, then what was joined; at most ``size`` of them.

    Fewer where no two neighbours occur ``min_count`` times any more. The same words in the same order give the same
    pieces.
    """
    alphabet = choose_alphabet(words)
    split = [(_characters(word), count) for word, count in words.items() if alphabet.issuperset(word)]
    units: Counter[str] = Counter()
    for symbols, count in split:
        for symbol in symbols:
            units[symbol] += count
    room = max(0, size - len(SPECIALS))
    kept = sorted((unit for unit, _ in units.most_common(room)), key=lambda unit: (unit.startswith(CONTINUATION), unit))
    pieces = dict.fromkeys((*SPECIALS, *kept))
    if len(pieces) == size:
        return list(pieces)
    for merge in learn_merges(split, min_count=min_count, join=_join):
        pieces[merge.merged] = None
        if progress is not None:
            progress.update(len(pieces))
        if len(pieces) == size:
            break
    return list(pieces)


def _characters(word: str) -> list[str]:
    return [word[0], *(CONTINUATION + character for character in word[1:])]


def _join(left: str, right: str) -> str:
    return left + right.removeprefix(CONTINUATION)
