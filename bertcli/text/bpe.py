"""Byte-pair encoding in its classical form: the last character of a word carries ``</w>`` (Sennrich et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass

from bertcli.core.messages import Progress
from bertcli.text.alphabet import choose_alphabet
from bertcli.text.learning import LearningRules, check_size
from bertcli.text.merges import MostFrequent, learn_merges
from bertcli.text.pieces import WORD_END
from bertcli.text.spelling import spell
from bertcli.text.words import WordCounts


@dataclass(frozen=True)
class BytePairs:
    """Pieces in the order of their ids, and merges in the order in which they are applied."""

    pieces: list[str]
    merges: list[tuple[str, str]]


def learn_bpe(
    words: WordCounts, *, size: int, rules: LearningRules | None = None, progress: Progress | None = None
) -> BytePairs:
    """Specials, characters, then what was merged; at most ``size`` pieces.

    Fewer where no two neighbours occur often enough. The same words in the same order give the same pieces and merges.
    Raises ``ConfigError`` where the alphabet does not fit into ``size``.
    """
    rules = rules or LearningRules()
    alphabet = choose_alphabet(words, size=rules.alphabet_size)
    spelled = spell(words, alphabet=alphabet, mark=lambda character: character + WORD_END, marks_last=True)
    pieces = dict.fromkeys((*rules.specials, *spelled.symbols))
    check_size(size, len(pieces), len(spelled.symbols))
    merges: list[tuple[str, str]] = []
    table = spelled.table(str.__add__)
    allowed = None if rules.max_piece_length is None else rules.allows
    for merge in learn_merges(table, MostFrequent(table, min_count=rules.min_count, allowed=allowed)):
        if merge.merged not in pieces and len(pieces) == size:
            break
        pieces[merge.merged] = None
        merges.append((merge.left, merge.right))
        if progress is not None:
            progress.update(len(pieces))
    return BytePairs(list(pieces), merges)
