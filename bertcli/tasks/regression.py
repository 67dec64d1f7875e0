"""Regression on single texts or pairs: one number.

*Source*: Devlin et al. 2019, section 4.1 (STS-B); metrics as in GLUE (Wang et al. 2019, table 1).

*Reads*: tables with a text, perhaps a second one, and a number.

*Loss*: squared error of a linear layer on the pooled ``[CLS]``.

*Differs*: correlations of a constant are 0, where scipy says NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bertcli.contracts.loss import Loss
from bertcli.contracts.tally import Floats, Tally, ratio
from bertcli.contracts.task import Encoding, Examples, Features, Limits, Prediction
from bertcli.core.settings import Settings
from bertcli.tasks import _text_tables

if TYPE_CHECKING:
    import torch

    from bertcli.contracts.batch import Batch

__all__ = ["Regression"]

Metric = Literal["pearson", "spearman", "mse"]

CONSTANT = 1e-2
"""Predictions within this share of the range of the gold numbers are as good as constant."""


_ROUNDING = 1e-12  # of what is left of a spread when a constant's square is taken from its mean square


class RegressionSettings(_text_tables.TextTableSettings):
    """Columns and metrics."""

    label_column: _text_tables.Columns = ("label", "score")
    """Column of the number."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)] = ("pearson", "spearman", "mse")
    """What is reported; the first is the one by which runs are compared."""


@dataclass(frozen=True)
class Regression(_text_tables.TextTableTask):
    """One number per example."""

    settings: RegressionSettings

    Settings: ClassVar[type[Settings]] = RegressionSettings
    expected: ClassVar[str] = "a number"

    @property
    def outputs(self) -> int:
        """One number."""
        return 1

    def fit(self, train: Examples) -> Self:
        """Nothing is learned from the training split."""
        return self

    def label_faults(self, written: str) -> Iterator[tuple[str, str]]:
        """Labels that are no finite numbers."""
        if not _is_number(written):
            yield f"the label {written!r} is not a number", "--task classification learns names"

    def encode(self, examples: Examples, tokenizer: Encoding, limits: Limits) -> Features:
        """``labels`` (items,) are numbers."""
        return _text_tables.encode(examples, tokenizer, limits, float, np.float32)

    def model_facts(self) -> dict[str, Any]:
        """That the output is a number."""
        return {"problem_type": "regression"}

    def loss(self, logits: torch.Tensor, batch: Batch) -> Loss:
        """Squared error, summed."""
        labels = batch["labels"].float()
        return Loss((logits.float().squeeze(-1) - labels).square().sum(), labels.numel())

    def decode(
        self, examples: Examples, features: Features, outputs: Sequence[NDArray[np.float32]]
    ) -> list[Prediction]:
        """The output as it is."""
        gold = features.item_columns.get("labels")
        return [
            Prediction(
                id=examples.ids[row],
                gold=float(examples.columns["label"][row]) if gold is not None else None,
                pred=round(float(output[0]), 6),
            )
            for row, output in enumerate(outputs)
        ]

    def score(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """The settings' metrics."""
        gold = np.asarray([prediction.gold for prediction in predictions])
        pred = np.asarray([prediction.pred for prediction in predictions])
        measures = {
            "pearson": lambda: _correlation("pearsonr", gold, pred),
            "spearman": lambda: _correlation("spearmanr", gold, pred),
            "mse": lambda: float(np.square(gold - pred).mean()),
        }
        return {name: measures[name]() for name in self.metrics}

    def tally(self, predictions: Sequence[Prediction]) -> Tally:
        """Sums of products of gold and prediction, for all but the rank correlation."""
        gold = np.asarray([prediction.gold for prediction in predictions])
        pred = np.asarray([prediction.pred for prediction in predictions])
        x, y = gold - gold.mean(), pred - gold.mean()  # near 0, so that differences of sums keep their digits
        counts = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y, np.square(gold - pred)], axis=1)
        measures = {"pearson": _pearson, "mse": _mean_squared_error}
        return Tally(counts, {name: measures[name] for name in self.metrics if name in measures})

    def collapsed(self, predictions: Sequence[Prediction]) -> str | None:
        """Numbers that tell nothing apart: constant ones, where the gold numbers are not."""
        gold = np.asarray([prediction.gold for prediction in predictions])
        pred = np.asarray([prediction.pred for prediction in predictions])
        if len(gold) < 2 or np.ptp(gold) == 0 or np.ptp(pred) > CONSTANT * np.ptp(gold):
            return None
        return f"every prediction is about {pred.mean():.4g}"

    def official(self, predictions: Sequence[Prediction]) -> Iterator[str]:
        """GLUE's form."""
        return _text_tables.official(predictions, lambda prediction: f"{prediction.pred:.6f}")


def _is_number(written: str) -> bool:
    try:
        return math.isfinite(float(written))
    except ValueError:
        return False


def _correlation(name: str, gold: NDArray[np.float64], pred: NDArray[np.float64]) -> float:
    from scipy import stats

    if len(gold) < 2 or np.ptp(gold) == 0 or np.ptp(pred) == 0:
        return 0.0
    return float(getattr(stats, name)(gold, pred).statistic)


# Metrics from sums (…, 7): count, x, y, x², y², xy, (gold − prediction)².


def _pearson(sums: Floats) -> Floats:
    count, x, y, xx, yy, xy, _ = np.moveaxis(sums, -1, 0)
    spread_x, spread_y = count * xx - x * x, count * yy - y * y
    constant = (spread_x <= _ROUNDING * count * xx) | (spread_y <= _ROUNDING * count * yy)
    return np.where(constant, 0.0, ratio(count * xy - x * y, np.sqrt(np.abs(spread_x * spread_y))))


def _mean_squared_error(sums: Floats) -> Floats:
    return ratio(sums[..., 6], sums[..., 0])
