"""Next sentence prediction: does segment B follow segment A, or is it from another document?

Source
    Devlin et al. 2019, section 3.1, task 2.
Reads
    The relation of an example's segments, which the sequences are built for.
Writes
    ``next_sentence_label`` (batch,): 0 next, 1 random.
Loss
    Cross-entropy over two classes, from the pooled vector.
Differs
    Nothing: a document without a next segment yields negatives only, as in the original code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, exact, informative
from bertcli.contracts.batch import Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.core.ramps import Ramp, Weight
from bertcli.core.settings import Settings

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss

__all__ = ["NextSentencePrediction"]


class NextSentencePredictionSettings(Settings):
    """Only its weight."""

    weight: Weight = Ramp.constant(1.0)
    """Factor on the loss."""


class NextSentencePrediction:
    """Does segment B follow segment A?"""

    Settings = NextSentencePredictionSettings
    writes: ClassVar[frozenset[str]] = frozenset({"next_sentence_label"})
    needs: ClassVar[frozenset[str]] = frozenset({"segments"})
    encoders: ClassVar[tuple[str, ...]] = ("main",)
    heads: ClassVar[Mapping[str, Head]] = {"pair": Head("pair")}
    relations: ClassVar[tuple[str, ...]] = ("next", "random")
    label_column: ClassVar[str | None] = "next_sentence_label"

    def __init__(self, settings: NextSentencePredictionSettings) -> None:
        self.settings = settings

    @property
    def reads(self) -> frozenset[str]:
        """Nothing but the relation."""
        return frozenset()

    def for_evaluation(self) -> NextSentencePrediction:
        """The same objective."""
        return self

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """The label is the relation that the pair was built with."""
        return {"next_sentence_label": columns["relation"].astype(np.int64)}

    def count(self, columns: Columns) -> dict[str, int]:
        """Pairs."""
        return {"nsp": len(columns["next_sentence_label"])}

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """It reads the pooled vector, and no position of its own."""
        return np.zeros(columns["input_ids"].shape, dtype=np.bool_)

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
        """Cross-entropy over two classes."""
        from bertcli.contracts.loss import cross_entropy

        return {"nsp": cross_entropy(heads["pair"](encode("main", batch).pooled), batch["next_sentence_label"])}

    def weights(self, progress: float) -> dict[str, float]:
        """The weight as set, which may move."""
        return {"nsp": self.settings.weight.at(progress)}

    def audit(self, clean: Columns, finished: Columns, corruption: Corruption) -> list[Check]:
        """Labels agree with how the pairs were built; every pair has two segments; the balance is reported."""
        labels = finished["next_sentence_label"]
        segments = finished["token_type_ids"].max(axis=1)
        return [
            exact("nsp: labels outside 0 and 1", float((~np.isin(labels, (0, 1))).sum()), 0),
            exact("nsp: pairs without a second segment", float((segments != 1).sum()), 0),
            informative("nsp: share of random pairs", float((labels == 1).mean()) if len(labels) else 0.0),
        ]
