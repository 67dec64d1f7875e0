"""Scores of tagged words from counts of every sentence: entities that are found in full, and single tags.

*Source*: Tjong Kim Sang and De Meulder 2003, section 2.3, as ``conlleval`` computes them; equal to those of seqeval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np

from bertcli.contracts.tally import Floats, Tally, ratio
from bertcli.tasks._tag_schemes import Entity

Tags = Sequence[str]
Read = Callable[[Tags], Iterable[Entity]]


def tally_entities(
    gold: Sequence[Tags], predicted: Sequence[Tags], types: Sequence[str], read: Read, *, per_type: bool
) -> Tally:
    """``f1``, ``precision`` and ``recall`` of all entities, the ``accuracy`` of the tags; of each type ``f1_PER``, ….

    ``read`` gives the entities of a sentence; one is right where type, beginning and end are.
    """
    counts = np.zeros((len(gold), 3 * len(types) + 2))  # right, predicted, gold of each type; right words, words
    places = {kind: number for number, kind in enumerate(types)}
    for row, (ours, theirs) in enumerate(zip(gold, predicted, strict=True)):
        expected, found = set(read(ours)), set(read(theirs))
        for part, entities in enumerate((expected & found, found, expected)):
            for entity in entities:
                counts[row, part * len(types) + places[entity.type]] += 1
        counts[row, -2:] = _right(ours, theirs), len(ours)
    metrics: dict[str, Callable[[Floats], Floats]] = {
        name: partial(of_parts, types=len(types), kind=None) for name, of_parts in _OF_ENTITIES.items()
    }
    metrics["accuracy"] = lambda sums: ratio(sums[..., -2], sums[..., -1])
    for kind in filter(None, types) if per_type else ():
        metrics |= {
            f"{name}_{kind}": partial(of_parts, types=len(types), kind=places[kind])
            for name, of_parts in _OF_ENTITIES.items()
        }
    return Tally(counts, metrics)


def tally_tags(gold: Sequence[Tags], predicted: Sequence[Tags], tags: Tags) -> Tally:
    """The ``accuracy`` of the tags, and ``macro_f1``, in which a tag that neither occurs nor is predicted has 0."""
    counts = np.zeros((len(gold), 3 * len(tags)))  # right, predicted, gold of each tag
    places = {tag: number for number, tag in enumerate(tags)}
    for row, (ours, theirs) in enumerate(zip(gold, predicted, strict=True)):
        right = Counter(one for one, other in zip(ours, theirs, strict=True) if one == other)
        for part, found in enumerate((right, Counter(theirs), Counter(ours))):
            for tag, count in found.items():
                counts[row, part * len(tags) + places[tag]] = count
    return Tally(counts, {"accuracy": _share_of_right, "macro_f1": _mean_f1})


def _right(ours: Tags, theirs: Tags) -> int:
    return sum(one == other for one, other in zip(ours, theirs, strict=True))


def _parts(sums: Floats, types: int, kind: int | None) -> tuple[Floats, Floats, Floats]:
    """Right, predicted and gold, over all types or of one."""
    right, predicted, gold = np.split(sums[..., : 3 * types], 3, axis=-1)
    if kind is None:
        return right.sum(axis=-1), predicted.sum(axis=-1), gold.sum(axis=-1)
    return right[..., kind], predicted[..., kind], gold[..., kind]


def _f1(sums: Floats, *, types: int, kind: int | None) -> Floats:
    right, predicted, gold = _parts(sums, types, kind)
    return ratio(2 * right, predicted + gold)


def _precision(sums: Floats, *, types: int, kind: int | None) -> Floats:
    right, predicted, _ = _parts(sums, types, kind)
    return ratio(right, predicted)


def _recall(sums: Floats, *, types: int, kind: int | None) -> Floats:
    right, _, gold = _parts(sums, types, kind)
    return ratio(right, gold)


_OF_ENTITIES = {"f1": _f1, "precision": _precision, "recall": _recall}


def _share_of_right(sums: Floats) -> Floats:
    right, _, gold = np.split(sums, 3, axis=-1)
    return ratio(right.sum(axis=-1), gold.sum(axis=-1))


def _mean_f1(sums: Floats) -> Floats:
    right, predicted, gold = np.split(sums, 3, axis=-1)
    mean: Floats = ratio(2 * right, predicted + gold).mean(axis=-1)
    return mean
