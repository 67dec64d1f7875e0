"""What an audit is made of: the evidence that an objective is shown, and the checks that it answers with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bertcli.contracts.batch import Columns
    from bertcli.contracts.objective import Corruption


@dataclass(frozen=True)
class Evidence:
    """Examples before and after they were corrupted: what an objective's ``audit`` is shown.

    Examples drawn from their corpus come with all columns that the objective reads. Finished rows are shown as they
    are, all at once: originals are put back from ``labels``, columns that are made of the corpus are missing, and what
    compares with either is left out (``draws_known`` is False). Where their corpus is kept, the rows are shown once
    more, copy by copy, beside what they were made of.
    """

    clean: Columns
    finished: Columns
    corruption: Corruption
    """What they were drawn with; of finished rows alone it tells only the vocabulary."""
    draws_known: bool = True
    """Whether seed, epoch, progress and all clean columns are known; False of finished rows alone."""


@dataclass(frozen=True)
class Check:
    """One row of an audit."""

    name: str
    observed: float
    expected: float | None
    low: float | None
    high: float | None

    @property
    def ok(self) -> bool:
        """Whether the observed value lies within its bounds; a check without bounds only reports."""
        return (self.low is None or self.low <= self.observed) and (self.high is None or self.observed <= self.high)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self) | {"ok": self.ok}


def exact(name: str, observed: float, expected: float) -> Check:
    """A value that must be exactly what is expected."""
    return Check(name, observed, expected, expected, expected)


def above(name: str, observed: float, bound: float) -> Check:
    """A value that must be more than ``bound``."""
    return Check(name, observed, None, math.nextafter(bound, math.inf), None)


def binomial(
    name: str,
    successes: int,
    trials: int,
    probability: float,
    *,
    deviations: float = 5.0,
    design_effect: float = 1.0,
) -> Check:
    """A share that must lie within ``deviations`` standard deviations of its probability.

    Five deviations are exceeded by chance once in 1.7 million audits. ``design_effect`` is how many times larger the
    variance is because trials are drawn together (Kish 1965).
    """
    spread = deviations * math.sqrt(design_effect * probability * (1 - probability) / trials) if trials else 1.0
    observed = successes / trials if trials else probability
    return Check(name, observed, probability, max(0.0, probability - spread), min(1.0, probability + spread))


def informative(name: str, observed: float, expected: float | None = None) -> Check:
    """A figure that is reported and never fails."""
    return Check(name, observed, expected, None, None)
