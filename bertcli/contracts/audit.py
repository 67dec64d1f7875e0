"""A check of an audit: what was observed, what was expected, and the bounds between which it holds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One row of an audit."""

    name: str
    observed: float
    expected: float
    low: float
    high: float

    @property
    def ok(self) -> bool:
        """Whether the observed value lies within its bounds."""
        return self.low <= self.observed <= self.high

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"ok": self.ok}


def exact(name: str, observed: float, expected: float) -> Check:
    """A value that must be exactly what is expected."""
    return Check(name, observed, expected, expected, expected)


def binomial(name: str, successes: int, trials: int, probability: float, *, deviations: float = 5.0) -> Check:
    """A share that must lie within ``deviations`` standard deviations of its probability.

    Five deviations are exceeded by chance once in 1.7 million audits.
    """
    spread = deviations * math.sqrt(probability * (1 - probability) / trials) if trials else 1.0
    observed = successes / trials if trials else probability
    return Check(name, observed, probability, max(0.0, probability - spread), min(1.0, probability + spread))


def informative(name: str, observed: float) -> Check:
    """A figure that is reported and never fails."""
    return Check(name, observed, observed, -math.inf, math.inf)
