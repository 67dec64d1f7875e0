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

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, Evidence, exact
from bertcli.objectives._token_labels import TokenLabelObjective

__all__ = ["TokenDocumentRelation"]


class TokenDocumentRelation(TokenLabelObjective):
    """Does this token also occur in other segments of its document?"""

    name: ClassVar[str] = "token_document"
    source: ClassVar[str] = "recurs"
    labels: ClassVar[str] = "token_document_labels"
    ones: ClassVar[str] = "pieces that recur"
    nowhere: ClassVar[str] = "no segment shares a piece"

    def audit(self, evidence: Evidence) -> list[Check]:
        """As of every question; and equal pieces of one segment have the same label."""
        differing = _equal_pieces_told_apart(evidence, evidence.finished[self.labels])
        return [
            *super().audit(evidence),
            exact(f"{self.name}: equal pieces of a segment with different labels", differing, 0),
        ]


def _equal_pieces_told_apart(evidence: Evidence, labels: NDArray[Any]) -> float:
    clean, vocabulary = evidence.clean, evidence.corruption.vocabulary
    ids = clean["input_ids"]
    segments = np.cumsum(ids == vocabulary.sep_id, axis=1)  # numbers of the parts between separators
    rows = np.arange(len(ids))[:, None]
    pieces = (rows * (ids.shape[1] + 1) + segments) * vocabulary.size + ids
    told_apart = np.unique((pieces * 2 + (labels == 1))[clean["special_tokens_mask"] == 0])
    return float(len(told_apart) - len(np.unique(told_apart // 2)))
