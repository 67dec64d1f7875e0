"""Capitalisation prediction: was the word capitalised before the text was lower-cased?

Source
    Sun et al. 2020 (ERNIE 2.0), section 4.2.1.
Reads
    ``cased``: 1 where a piece's word began with a capital letter, kept in the token store from before lower-casing.
Writes
    ``capitalization_labels`` (batch, seq): 0 or 1 at ordinary pieces, masked ones too, ``-100`` elsewhere.
Loss
    Cross-entropy over two classes at every ordinary piece, from its hidden state.
Differs
    The paper says nothing of words of several pieces: here each of them has the answer of its word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence
from bertcli.contracts.batch import Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.core.ramps import Ramp, Weight
from bertcli.core.settings import Settings
from bertcli.objectives import _token_labels as token_labels

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss

__all__ = ["CapitalizationPrediction"]

_NAME, _LABELS = "capitalization", "capitalization_labels"


class CapitalizationPredictionSettings(Settings):
    """Only its weight."""

    weight: Weight = Ramp.constant(1.0)
    """Factor on the loss."""


class CapitalizationPrediction:
    """Was the word capitalised?"""

    Settings = CapitalizationPredictionSettings
    writes: ClassVar[frozenset[str]] = frozenset({_LABELS})
    needs: ClassVar[frozenset[str]] = frozenset()
    encoders: ClassVar[tuple[str, ...]] = ("main",)
    heads: ClassVar[Mapping[str, Head]] = {_NAME: Head("token", outputs=2)}
    relations: ClassVar[tuple[str, ...]] = ()
    label_column: ClassVar[str | None] = None

    def __init__(self, settings: CapitalizationPredictionSettings) -> None:
        self.settings = settings

    @property
    def reads(self) -> frozenset[str]:
        """Which words were capitalised."""
        return frozenset({"cased"})

    def for_evaluation(self) -> CapitalizationPrediction:
        """The same objective."""
        return self

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """The label is what the store kept."""
        return {_LABELS: token_labels.at_ordinary_pieces(columns, columns["cased"])}

    def count(self, columns: Columns) -> dict[str, int]:
        """Ordinary pieces."""
        return {_NAME: int(self.targets(columns).sum())}

    def targets(self, columns: Columns) -> NDArray[np.bool_]:
        """Every ordinary piece."""
        return token_labels.are_predicted(columns, _LABELS)

    def loss(self, heads: Any, encode: Encode, batch: Batch) -> dict[str, Loss]:
        """Cross-entropy over two classes."""
        return token_labels.token_loss(_NAME, _LABELS, heads, encode, batch)

    def weights(self, progress: float) -> dict[str, float]:
        """The weight as set, which may move."""
        return {_NAME: self.settings.weight.at(progress)}

    def audit(self, evidence: Evidence) -> list[Check]:
        """Every ordinary piece has the label that the store kept; text without any capital is found out."""
        return token_labels.token_checks(
            _NAME, _LABELS, "cased", evidence, nowhere="no capital anywhere", ones="capitalised pieces"
        )
