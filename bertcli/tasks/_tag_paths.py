"""The likeliest sequence of tags among those that a scheme allows (Viterbi 1967)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bertcli.tasks._tag_schemes import OUTSIDE, EntityScheme, may_follow

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Steps:
    """What a step costs: 0 where it is allowed, minus infinity where not."""

    first: Floats
    """(tags,) at the beginning of a sentence."""
    between: Floats
    """(tags, tags) from one to the next."""
    last: Floats
    """(tags,) at its end."""

    @classmethod
    def of(cls, tags: Sequence[str], scheme: EntityScheme) -> Self:
        """Those of a scheme."""

        def costs(allowed: list[bool]) -> Floats:
            return np.where(allowed, 0.0, -np.inf)

        return cls(
            costs([may_follow(OUTSIDE, tag, scheme) for tag in tags]),
            np.stack([costs([may_follow(before, after, scheme) for after in tags]) for before in tags]),
            costs([may_follow(tag, OUTSIDE, scheme) for tag in tags]),
        )


def likeliest(logits: NDArray[np.float32], steps: Steps) -> list[int]:
    """The path with the largest sum of ``logits`` (words, tags); their normalisation is the same for every path."""
    best = logits[0] + steps.first
    origins = []
    for scores in logits[1:]:
        through = best[:, None] + steps.between  # (before, after)
        origins.append(through.argmax(axis=0))
        best = through.max(axis=0) + scores
    path = [int((best + steps.last).argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1]
