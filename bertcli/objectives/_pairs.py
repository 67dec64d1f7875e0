"""What objectives on pairs share: the label is the relation that a pair was built with, read from the pooled vector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, exact
from bertcli.contracts.batch import Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.objectives._weight_alone import WeightAlone

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss


class PairObjective:
    """How does segment B stand to segment A? A subclass says what the answers are and where they go."""

    Settings = WeightAlone
    needs: ClassVar[frozenset[str]] = frozenset({"segments"})
    encoders: ClassVar[tuple[str, ...]] = ("main",)
    name: ClassVar[str]
    """Its own, which its one loss has too."""
    relations: ClassVar[tuple[str, ...]]
    label_column: ClassVar[str]
    writes: ClassVar[frozenset[str]]
    heads: ClassVar[Mapping[str, Head]]
    """One."""

    def __init__(self, settings: WeightAlone) -> None:
        self.settings = settings

    def __init_subclass__(cls) -> None:
        cls.writes = frozenset({cls.label_column})

    @property
    def reads(self) -> frozenset[str]:
        """Nothing but the relation."""
        return frozenset()

    def for_evaluation(self) -> Self:
        """The same objective."""
        return self

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """The label is the relation that the pair was built with."""
        return {self.label_column: columns["relation"].astype(np.int64)}

    def count(self, columns: Columns) -> dict[str, int]:
        """Pairs."""
        return {self.name: len(columns[self.label_column])}

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """It reads the pooled vector, and no position of its own."""
        return np.zeros(columns["input_ids"].shape, dtype=np.bool_)

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
        """Cross-entropy over the relations."""
        from bertcli.contracts.loss import cross_entropy

        (head,) = self.heads
        return {self.name: cross_entropy(heads[head](encode("main", batch).pooled), batch[self.label_column])}

    def weights(self, progress: float) -> dict[str, float]:
        """The weight as set, which may move."""
        return {self.name: self.settings.weight.at(progress)}

    def audit(self, evidence: Evidence) -> list[Check]:
        """Labels are of relations that there are, and every pair has two segments; the rest is audited for all."""
        labels = evidence.finished[self.label_column]
        segments = evidence.finished["token_type_ids"].max(axis=1)
        known = np.isin(labels, np.arange(len(self.relations)))
        return [
            exact(f"{self.name}: labels outside 0 to {len(self.relations) - 1}", float((~known).sum()), 0),
            exact(f"{self.name}: pairs without a second segment", float((segments != 1).sum()), 0),
        ]
