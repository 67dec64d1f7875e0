"""Token–document relation: does this token of the segment also occur in other segments of its document?

Source
    Sun et al. 2020 (ERNIE 2.0), section 4.2.1.
Reads
    ``recurs``: 1 where a token's piece also stands in its document outside of its segment.
Writes
    ``token_document_labels`` (batch, seq): 0 or 1 at ordinary pieces, masked ones too, ``-100`` elsewhere.
Loss
    Cross-entropy over two classes at every ordinary piece, from its hidden state.
Differs
    The paper leaves open what a segment is. Here it is what stands between two separators: segment A or B of a pair,
    and of full sentences the part of one document. So a token of A that B repeats recurs, where both are of one
    document. The unit is the piece, not the word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, exact
from bertcli.contracts.batch import Batch, Columns
from bertcli.contracts.objective import Corruption, Encode, Head
from bertcli.core.ramps import Ramp, Weight
from bertcli.core.settings import Settings
from bertcli.objectives import _token_labels as token_labels

if TYPE_CHECKING:
    from bertcli.contracts.loss import Loss

__all__ = ["TokenDocumentRelation"]

_NAME, _LABELS = "token_document", "token_document_labels"


class TokenDocumentRelationSettings(Settings):
    """Only its weight."""

    weight: Weight = Ramp.constant(1.0)
    """Factor on the loss."""


class TokenDocumentRelation:
    """Does this token also occur in other segments of its document?"""

    Settings = TokenDocumentRelationSettings
    writes: ClassVar[frozenset[str]] = frozenset({_LABELS})
    needs: ClassVar[frozenset[str]] = frozenset()
    encoders: ClassVar[tuple[str, ...]] = ("main",)
    heads: ClassVar[Mapping[str, Head]] = {_NAME: Head("token", outputs=2)}
    relations: ClassVar[tuple[str, ...]] = ()
    label_column: ClassVar[str | None] = None

    def __init__(self, settings: TokenDocumentRelationSettings) -> None:
        self.settings = settings

    @property
    def reads(self) -> frozenset[str]:
        """Which tokens stand elsewhere in their document."""
        return frozenset({"recurs"})

    def for_evaluation(self) -> TokenDocumentRelation:
        """The same objective."""
        return self

    def corrupt(self, columns: Columns, corruption: Corruption) -> Columns:
        """The label is what the document says."""
        return {_LABELS: token_labels.at_ordinary_pieces(columns, columns["recurs"])}

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
        """Every ordinary piece has the document's label, and equal pieces of one segment have the same."""
        checks = token_labels.token_checks(
            _NAME, _LABELS, "recurs", evidence, nowhere="no segment shares a piece", ones="pieces that recur"
        )
        differing = _equal_pieces_told_apart(evidence)
        return [*checks, exact(f"{_NAME}: equal pieces of a segment with different labels", differing, 0)]


def _equal_pieces_told_apart(evidence: Evidence) -> float:
    clean, finished, vocabulary = evidence.clean, evidence.finished, evidence.corruption.vocabulary
    ids = clean["input_ids"]
    segments = np.cumsum(ids == vocabulary.sep_id, axis=1)  # numbers of the parts between separators
    rows = np.arange(len(ids))[:, None]
    pieces = (rows * (ids.shape[1] + 1) + segments) * vocabulary.size + ids
    told_apart = np.unique((pieces * 2 + (finished[_LABELS] == 1))[clean["special_tokens_mask"] == 0])
    return float(len(told_apart) - len(np.unique(told_apart // 2)))
