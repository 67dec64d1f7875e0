"""Which classes are taken for which: counts of gold and predicted labels, of examples or of tags by type."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bertcli.contracts.task import Prediction, Task
from bertcli.tasks._tag_schemes import read_tag

SCHEMA = 1


@dataclass(frozen=True)
class Confusion:
    """``counts[gold][predicted]`` of ``examples`` or ``tags``, summed over runs; labels in the order of both."""

    schema: int
    split: str
    of: str
    labels: list[str]
    counts: list[list[int]]

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def confusion_of(task: Task, split: str, runs: Sequence[Sequence[Prediction]]) -> Confusion | None:
    """The counts of all runs together; None for a task without classes, or with several at a time."""
    tags = task.head == "token_classification"
    pairs = [pair for run in runs for prediction in run for pair in (_of_tags if tags else _of_example)(prediction)]
    if not pairs or not all(isinstance(label, str) for pair in pairs for label in pair):
        return None
    known = [_type_of(str(name)) if tags else str(name) for name in task.model_facts().get("id2label", {}).values()]
    labels = list(dict.fromkeys([*known, *sorted({label for pair in pairs for label in pair})]))
    ids = {label: number for number, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, tuple(np.asarray([[ids[gold], ids[pred]] for gold, pred in pairs]).T), 1)
    return Confusion(SCHEMA, split, "tags" if tags else "examples", labels, counts.tolist())


def _of_example(prediction: Prediction) -> Iterator[tuple[Any, Any]]:
    yield prediction.gold, prediction.pred


def _of_tags(prediction: Prediction) -> Iterator[tuple[Any, Any]]:
    for gold, pred in zip(prediction.gold, prediction.pred, strict=True):
        yield _type_of(gold), _type_of(pred)


def _type_of(tag: str) -> str:
    """``PER`` of ``B-PER``, whatever the scheme; a tag that names no type as it is."""
    read = read_tag(tag)
    return (read and read.type) or tag
