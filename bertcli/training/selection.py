"""Which checkpoint of a run is the best by a metric of its evaluations, and when no better one is to be expected."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Best:
    """The best evaluation so far, and how many came after it."""

    step: int
    value: float
    later: int = 0


@dataclass(frozen=True)
class Selection:
    """``metric`` is one of those that evaluations log, and the last of them all the same is an evaluation.

    ``patience`` evaluations in a row that are no better end the run; None: it goes to its last step.
    """

    metric: str
    lower_is_better: bool = False
    patience: int | None = None

    def after(self, best: Best | None, step: int, metrics: dict[str, float]) -> Best:
        """What stands after one more evaluation. Of equal values the first is the best; NaN is worse than all."""
        value = metrics[self.metric]
        if best is None or self._is_better(value, best.value):
            return Best(step, value)
        return Best(best.step, best.value, best.later + 1)

    def is_over(self, best: Best | None) -> bool:
        """Whether patience is at its end."""
        return self.patience is not None and best is not None and best.later >= self.patience

    def _is_better(self, value: float, than: float) -> bool:
        if math.isnan(than):
            return not math.isnan(value)
        return value < than if self.lower_is_better else value > than
