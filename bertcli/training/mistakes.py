"""The worst mistakes: the predictions of which a model was surest and which are wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bertcli.contracts.task import Examples, Prediction, Task

WORST = 20
"""So many are written."""


@dataclass(frozen=True)
class Mistake:
    """An example that is predicted wrongly by ``wrong`` of the runs.

    ``pred`` is their most frequent wrong prediction. ``badness`` is the mean over the runs of the probability that a
    wrong prediction has, where there are probabilities; else of the share of tags that are wrong, of the distance of a
    number, or of what the score of the example lacks of 1. Without text there is nothing but the id and the figures.
    """

    id: str
    badness: float
    wrong: int
    gold: Any = None
    pred: Any = None
    text: dict[str, str] | None = None

    def dump(self) -> dict[str, Any]:
        """As JSON values; what a run with ``--no-text`` keeps back is not there."""
        return {name: value for name, value in asdict(self).items() if self.text is not None or name in _FIGURES}


_FIGURES = ("id", "badness", "wrong")


def worst_mistakes(
    task: Task, examples: Examples, runs: Sequence[Sequence[Prediction]], *, text: bool, count: int = WORST
) -> list[Mistake]:
    """The worst first; of equal ones in the order of the examples. ``text`` says whether their text may be shown."""
    found: list[Mistake] = []
    for row, predictions in enumerate(zip(*runs, strict=True)):
        values = [(_badness(task, prediction), prediction) for prediction in predictions]
        wrong = [prediction for badness, prediction in values if badness > 0]
        if not wrong:
            continue
        badness = sum(badness for badness, _ in values) / len(values)
        mistake = Mistake(predictions[0].id, round(badness, 6), len(wrong))
        if text:
            usual = Counter(repr(prediction.pred) for prediction in wrong).most_common(1)[0][0]
            pred = next(prediction.pred for prediction in wrong if repr(prediction.pred) == usual)
            mistake = Mistake(
                mistake.id, mistake.badness, mistake.wrong, predictions[0].gold, pred, _text_of(examples, row)
            )
        found.append(mistake)
    return sorted(found, key=lambda mistake: -mistake.badness)[:count]


def _badness(task: Task, prediction: Prediction) -> float:
    """Above 0 for what is wrong."""
    gold, pred, probs = prediction.gold, prediction.pred, prediction.probs
    if gold == pred:
        return 0.0
    if isinstance(gold, str) and isinstance(probs, dict) and pred in probs:
        return float(probs[pred])
    if isinstance(gold, int) and isinstance(probs, list) and isinstance(pred, int) and pred < len(probs):
        return float(probs[pred])
    if isinstance(gold, float) and isinstance(pred, float):
        return abs(float(gold) - float(pred))
    if task.reads == "pieces" and isinstance(gold, list) and isinstance(pred, list) and len(gold) == len(pred):
        wrong: int = sum(one != other for one, other in zip(gold, pred, strict=True))
        return wrong / max(1, len(gold))
    return 1 - min(1.0, task.score([prediction])[task.primary])


def _text_of(examples: Examples, row: int) -> dict[str, str]:
    """The columns of an example that hold text, or words."""
    found: dict[str, str] = {}
    for name, cells in examples.columns.items():
        cell = cells[row]
        if name != "label" and isinstance(cell, str):
            found[name] = cell
        elif name != "label" and isinstance(cell, list | tuple) and all(isinstance(word, str) for word in cell):
            found[name] = " ".join(cell)
    return found
