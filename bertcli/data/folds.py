"""Cross-validation: the training split in folds, each of which is the dev split once (Kohavi 1995)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Examples
from bertcli.core.randomness import hash64
from bertcli.errors import InputFileError

FOLDS_SPLIT = "folds"
"""The name of the split that the held-out parts make up together."""


@dataclass(frozen=True)
class Fold:
    """Fold ``number``, from 1, of ``folds``."""

    number: int
    folds: int


def hold_out_fold(examples: Examples, keys: Sequence[str], fold: Fold, *, seed: int) -> tuple[Examples, Examples]:
    """The training part and the held-out part. Raises ``InputFileError`` as ``fold_of_each``."""
    held_out = fold_of_each(examples, keys, fold.folds, seed=seed) == fold.number - 1
    return examples.take(np.flatnonzero(~held_out)), examples.take(np.flatnonzero(held_out), FOLDS_SPLIT)


def in_order(parts: Sequence[Examples]) -> tuple[Examples, list[int]]:
    """All held-out parts as one split, in the order of their files and lines; and the row of each among the parts."""
    first = parts[0]
    names = first.columns
    columns = {name: [cell for part in parts for cell in part.columns[name]] for name in names}
    ids, paths, lines = (
        [value for part in parts for value in getattr(part, name)] for name in ("ids", "paths", "lines")
    )
    rows = sorted(range(len(ids)), key=lambda row: (paths[row], lines[row], row))
    whole = Examples(first.split, ids, columns, paths, lines)
    return whole.take(np.asarray(rows, dtype=np.int64)), rows


def fold_of_each(examples: Examples, keys: Sequence[str], folds: int, *, seed: int) -> NDArray[np.int64]:
    """(examples,) the fold, from 0, in which each is held out.

    Examples with equal keys stay together, and every label is spread over the folds as evenly as that allows: groups
    are dealt, largest first and else by hash, to the fold that has fewest of their label. Raises ``InputFileError``
    where there are fewer different keys than folds.
    """
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    if len(groups) < folds:
        raise InputFileError(
            f"{len(groups)} different texts cannot be held out in {folds} folds",
            path=examples.paths[0],
            hint=f"--folds {len(groups)} or fewer" if len(groups) > 1 else "give more examples",
        )
    labels = _strata(examples)
    draws = hash64(seed, "folds", np.arange(len(groups))).tolist()
    order = sorted(zip(groups.values(), draws, strict=True), key=lambda group: (-len(group[0]), group[1]))
    of_label: dict[str, list[int]] = {}
    totals = [0] * folds
    found = np.empty(len(examples), dtype=np.int64)
    for rows, _ in order:
        (label, _), *_ = Counter(labels[row] for row in rows).most_common(1)
        counts = of_label.setdefault(label, [0] * folds)
        fold = min(range(folds), key=lambda number: (counts[number], totals[number], number))
        found[rows] = fold
        totals[fold] += len(rows)
        for row in rows:
            of_label.setdefault(labels[row], [0] * folds)[fold] += 1
    return found


def _strata(examples: Examples) -> list[str]:
    """A class per example where labels are classes; the same for all where they are numbers or lists."""
    labels: Sequence[Any] = examples.columns["label"]
    written = [label if isinstance(label, str) else json.dumps(label, default=str) for label in labels]
    few = len(set(written)) <= len(written) // 2  # numbers and tags hardly repeat: there is nothing to spread evenly
    return written if few else [""] * len(written)
