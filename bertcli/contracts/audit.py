"""What an audit is made of: the evidence that an objective is shown, and the checks that it answers with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bertcli.contracts.objective import Corruption

if TYPE_CHECKING:
    from bertcli.contracts.batch import Columns
    from bertcli.contracts.vocabulary import Vocabulary


@dataclass(frozen=True)
class Evidence:
    """Examples before and after they were corrupted: what an objective's ``audit`` is shown.

    ``clean`` has the columns that the objective reads. Of finished rows whose corpus is not kept it has only what the
    rows tell: their originals are put back from ``labels``, and checks with ``needs_originals`` are left out.
    """

    clean: Columns
    finished: Columns
    vocabulary: Vocabulary
    progress: float = 0.0
    """Share of the run that is done when they are seen, for what moves with it."""
    seed: int = 0
    epoch: int = 0
    """What they were drawn with; nothing of it is known where checks with ``needs_originals`` are left out."""

    @property
    def corruption(self) -> Corruption:
        """What they were drawn with, as ``corrupt`` gets it."""
        return Corruption(self.seed, self.epoch, self.vocabulary, self.progress)


@dataclass(frozen=True)
class Check:
    """One row of an audit."""

    name: str
    observed: float
    expected: float | None
    low: float | None
    high: float | None
    needs_originals: bool = False
    """Whether it compares with columns before corruption, which finished rows alone do not have."""

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
