"""How each depth of a model is trained: its share of the learning rate, and the step from which on it moves at all.

Depths count from the embeddings, 0, over the layers, 1 to N, to whatever stands on the top layer, N + 1. Everything
here is a pure function of the depth and the step, so that a resume has nothing to restore.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DepthPlan:
    """The training of all depths up to ``top``, that of the head.

    Of the learning rate depth ``d`` has the share ``factor ** (top - d)``: with 1/2.6 that is Howard & Ruder 2018,
    section 3.2, with 0.95 the layer-wise decay of Sun et al. 2019. Depths below ``frozen`` are never trained. With
    ``epoch_steps``, the steps of an epoch, the top layer is trained from the beginning and each lower depth an epoch
    later than the one above it (Howard & Ruder 2018, section 3.3); the head, which is fresh, always.
    """

    top: int
    factor: float = 1.0
    frozen: int = 0
    epoch_steps: int | None = None

    def share(self, depth: int) -> float:
        """The learning rate of a depth as a share of the head's."""
        return float(self.factor ** (self.top - depth))

    def first_step(self, depth: int) -> int | None:
        """The first step, from 0, in which a depth is trained; None where it never is."""
        if depth < self.frozen:
            return None
        return 0 if self.epoch_steps is None else max(0, self.top - 1 - depth) * self.epoch_steps

    def lowest(self, step: int) -> int:
        """The lowest depth that is trained in a step; all above it are too."""
        begun = [depth for depth in range(self.top) if (first := self.first_step(depth)) is not None and first <= step]
        return min(begun, default=self.top)
