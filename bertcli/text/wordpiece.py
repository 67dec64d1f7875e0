"""WordPiece: a vocabulary whose pieces either begin a word or, marked ``##``, continue one.

*Source*: Schuster & Nakajima 2012, section 2; Wu et al. 2016, section 4.1: the unit that is added is the one that
raises the likelihood of the text most. The ``tokenizers`` library joins the most frequent pair instead, which is
byte-pair encoding with WordPiece's marks; ``by_count`` does so too.
"""

from __future__ import annotations

from bertcli.core.messages import Progress
from bertcli.text.alphabet import choose_alphabet
from bertcli.text.learning import LearningRules, check_size
from bertcli.text.likelihood import LargestGain
from bertcli.text.merges import Choice, MostFrequent, learn_merges
from bertcli.text.pieces import CONTINUATION
from bertcli.text.spelling import spell
from bertcli.text.words import WordCounts


def learn_wordpiece(
    words: WordCounts,
    *,
    size: int,
    rules: LearningRules | None = None,
    by_count: bool = False,
    progress: Progress | None = None,
) -> list[str]:
    """The pieces in the order of their ids; at most ``size`` of them.

    Specials and pieces given by hand; then the alphabet in code-point order, characters that begin words before those
    that continue them; then what was joined, in the order of the merges. Fewer than ``size`` where no pair occurs often
    enough or raises the likelihood enough. The same words in the same order give the same pieces. Raises
    ``ConfigError`` where the alphabet does not fit into ``size``.
    """
    rules = rules or LearningRules()
    alphabet = choose_alphabet(words, size=rules.alphabet_size)
    spelled = spell(words, alphabet=alphabet, mark=CONTINUATION.__add__, pieces=rules.pieces)
    pieces = dict.fromkeys((*rules.specials, *rules.pieces, *spelled.symbols))
    check_size(size, len(pieces), len(set(spelled.symbols) - set(rules.pieces)))
    if len(pieces) == size:
        return list(pieces)
    table = spelled.table(_join)
    allowed = None if rules.max_piece_length is None else rules.allows
    chosen = MostFrequent if by_count else LargestGain
    choice: Choice = chosen(table, min_count=rules.min_count, allowed=allowed)
    for merge in learn_merges(table, choice):
        if not by_count and merge.score <= rules.min_gain:
            break
        pieces[merge.merged] = None
        if progress is not None:
            progress.update(len(pieces))
        if len(pieces) == size:
            break
    return list(pieces)


def _join(left: str, right: str) -> str:
    return left + right.removeprefix(CONTINUATION)
