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
    expected: float | None
    low: float | None
    high: float | None
    needs_originals: bool = False
    """Whether it compares with the pieces before masking, which finished rows no longer have."""

    @property
    def ok(self) -> bool:
        """Whether the observed value lies within its bounds; a check without bounds only reports."""
        return self.low is None or self.high is None or self.low <= self.observed <= self.high

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        values = asdict(self) | {"ok": self.ok}
        del values["needs_originals"]
        return values


def exact(name: str, observed: float, expected: float, *, needs_originals: bool = False) -> Check:
    """A value that must be exactly what is expected."""
    return Check(name, observed, expected, expected, expected, needs_originals)


def binomial(name: str, successes: int, trials: int, probability: float, *, deviations: float = 5.0) -> Check:
    """A share that must lie within ``deviations`` standard deviations of its probability.

    Five deviations are exceeded by chance once in 1.7 million audits.
    """
    spread = deviations * math.sqrt(probability * (1 - probability) / trials) if trials else 1.0
    observed = successes / trials if trials else probability
    return Check(name, observed, probability, max(0.0, probability - spread), min(1.0, probability + spread))


def informative(name: str, observed: float) -> Check:
    """A figure that is reported and never fails."""
    return Check(name, observed, None, None, None)
