"""What objectives share that ask one question of every ordinary piece: the answer is a column that the data tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, exact, informative
from bertcli.contracts.batch import IGNORED, Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.objectives._weight_alone import WeightAlone

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss


class TokenLabelObjective:
    """Is something so of this piece? A subclass says where the answer is read and where it goes."""

    Settings = WeightAlone
    needs: ClassVar[frozenset[str]] = frozenset()
    encoders: ClassVar[tuple[str, ...]] = ("main",)
    relations: ClassVar[tuple[str, ...]] = ()
    label_column: ClassVar[str | None] = None
    name: ClassVar[str]
    """Its own, which its one loss and its one head have too."""
    source: ClassVar[str]
    """The column (batch, seq) of answers, 0 or 1."""
    labels: ClassVar[str]
    """The column that it writes."""
    ones: ClassVar[str]
    """What the pieces with label 1 are."""
    nowhere: ClassVar[str]
    """What it means when no label is 1."""
    writes: ClassVar[frozenset[str]]
    heads: ClassVar[Mapping[str, Head]]

    def __init__(self, settings: WeightAlone) -> None:
        self.settings = settings

    def __init_subclass__(cls) -> None:
        cls.writes = frozenset({cls.labels})
        cls.heads = {cls.name: Head("token", outputs=2)}

    @property
    def reads(self) -> frozenset[str]:
        """The answers."""
        return frozenset({self.source})

    def for_evaluation(self) -> Self:
        """The same objective."""
        return self

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """Labels where an ordinary piece stands, nothing to predict elsewhere."""
        labels = np.where(columns["special_tokens_mask"] == 0, columns[self.source], IGNORED)
        return {self.labels: labels.astype(np.int64)}

    def count(self, columns: Columns) -> dict[str, int]:
        """Ordinary pieces."""
        return {self.name: int(self.targets(columns).sum())}

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """Every ordinary piece."""
        predicted: NDArray[np.bool_] = columns[self.labels] != IGNORED
        return predicted

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
        """Cross-entropy over two classes."""
        from bertcli.contracts.loss import cross_entropy

        hidden = encode("main", batch).streams["targets"].flatten(0, 1)
        labels = batch[self.labels].gather(1, batch["target_positions"]).flatten()
        read = batch[f"{self.name}:targets"]
        logits = heads[self.name](hidden.index_select(0, read))
        return {self.name: cross_entropy(logits, labels.index_select(0, read))}

    def weights(self, progress: float) -> dict[str, float]:
        """The weight as set, which may move."""
        return {self.name: self.settings.weight.at(progress)}

    def audit(self, evidence: Evidence) -> list[Check]:
        """Labels stand at ordinary pieces and nowhere else, are the data's, and are not all alike."""
        clean, labels = evidence.clean, evidence.finished[self.labels]
        ordinary = clean["special_tokens_mask"] == 0
        predicted = labels != IGNORED
        values = labels[predicted & ordinary]
        all_alike = f"{self.name}: all labels are alike ({self.nowhere}, or everywhere)"
        return [
            exact(f"{self.name}: specials or padding with a label", float((predicted & ~ordinary).sum()), 0),
            exact(f"{self.name}: ordinary pieces without one", float((ordinary & ~predicted).sum()), 0),
            exact(f"{self.name}: labels outside 0 and 1", float((~np.isin(values, (0, 1))).sum()), 0),
            *(self._against_the_data(evidence) if evidence.draws_known else []),
            exact(all_alike, float(len(np.unique(values)) == 1), 0),
            informative(f"{self.name}: share of {self.ones}", float((values == 1).mean()) if len(values) else 0.0),
        ]

    def _against_the_data(self, evidence: Evidence) -> list[Check]:
        ordinary = evidence.clean["special_tokens_mask"] == 0
        wrong = (evidence.finished[self.labels] != evidence.clean[self.source]) & ordinary
        return [exact(f"{self.name}: labels that differ from the data", float(wrong.sum()), 0)]
