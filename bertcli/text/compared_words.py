"""The words that vocabularies are compared by: those of the scored text, and those that give the counts of pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bertcli.config.counting import Counting
from bertcli.core.messages import progress
from bertcli.errors import InputFileError
from bertcli.text.compared_text import ComparedText
from bertcli.text.corpus_words import tell_dropped
from bertcli.text.normalization import WordRules
from bertcli.text.words import WordCounts


@dataclass(frozen=True)
class ComparedWords:
    """``scored`` has the words of the scored text, ``sources`` those that give the counts: for each half, or for all.

    ``dropped`` occurrences of words were dropped to save memory, and no count is short by more than ``error``.
    """

    scored: WordCounts
    sources: Sequence[WordCounts]
    dropped: int
    error: int


def count_compared(
    scored: ComparedText, training: ComparedText | None, rules: WordRules, counting: Counting
) -> ComparedWords:
    """Count both texts; without training text each half of the documents has the counts of the other.

    Raises ``InputFileError`` where there are no words.
    """
    with progress("counting words", None, "characters") as bar:
        if training is not None:
            counted = [scored.words(rules, bar=bar), training.words(rules, bar=bar)]
        else:
            counted = [scored.words(rules, bar=bar, half=half) for half in (0, 1)]
    first, second = (each.counts for each in counted)
    words = first if training is not None else first + second
    sources = [second] if training is not None else [second, first]
    _check(words, sources, scored, training)
    tell_dropped(counting, *counted)
    return ComparedWords(words, sources, sum(each.dropped for each in counted), sum(each.error for each in counted))


def _check(
    words: WordCounts, sources: Sequence[WordCounts], scored: ComparedText, training: ComparedText | None
) -> None:
    if not words:
        hint = "all of its characters are control characters"
        raise InputFileError("the text to compare on holds no words", path=scored.files[0], hint=hint)
    if training is not None and not sources[0]:
        hint = "all of its characters are control characters"
        raise InputFileError("the training text holds no words", path=training.files[0], hint=hint)
    if not all(sources):
        raise InputFileError(
            "too few documents to take the counts of each half from the other",
            path=scored.files[0],
            hint="--train CORPUS names the text that gives the counts",
        )
