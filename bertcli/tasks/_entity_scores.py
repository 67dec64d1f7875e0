"""Scores of tagged words: entities that are found in full, and single tags.

*Source*: Tjong Kim Sang and De Meulder 2003, section 2.3, as ``conlleval`` computes them; equal to those of seqeval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bertcli.tasks._tag_schemes import Entity


@dataclass
class EntityCounts:
    """Entities of each type: those of the files, those that are predicted, and those that are both."""

    gold: Counter[str] = field(default_factory=Counter)
    predicted: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def add(self, gold: Iterable[Entity], predicted: Iterable[Entity]) -> None:
        """Count one sentence."""
        ours, theirs = set(gold), set(predicted)
        self.gold.update(entity.type for entity in ours)
        self.predicted.update(entity.type for entity in theirs)
        self.right.update(entity.type for entity in ours & theirs)

    def scores(self, kind: str | None = None) -> dict[str, float]:
        """``f1``, ``precision`` and ``recall`` over all types, or of one; 0 where nothing is divided by nothing."""
        right, predicted, gold = (
            counts.total() if kind is None else counts[kind] for counts in (self.right, self.predicted, self.gold)
        )
        return {
            "f1": _share(2 * right, predicted + gold),
            "precision": _share(right, predicted),
            "recall": _share(right, gold),
        }


def accuracy(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> float:
    """The share of the words whose tag is right."""
    pairs = Counter(ours == theirs for sentence in zip(gold, predicted, strict=True) for ours, theirs in _words(sentence))
    return _share(pairs[True], pairs.total())


def macro_f1(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], tags: Sequence[str]) -> float:
    """The mean of the tags' F1; that of a tag that neither occurs nor is predicted is 0."""
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for sentence in zip(gold, predicted, strict=True):
        for ours, theirs in _words(sentence):
            seen.update((ours, theirs))
            right[ours] += ours == theirs
    return sum(_share(2 * right[tag], seen[tag]) for tag in tags) / len(tags)


def _words(sentence: tuple[Sequence[str], Sequence[str]]) -> Iterable[tuple[str, str]]:
    return zip(*sentence, strict=True)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
