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

from typing import ClassVar

from bertcli.objectives._token_labels import TokenLabelObjective

__all__ = ["CapitalizationPrediction"]


class CapitalizationPrediction(TokenLabelObjective):
    """Was the word capitalised?"""

    name: ClassVar[str] = "capitalization"
    source: ClassVar[str] = "cased"
    labels: ClassVar[str] = "capitalization_labels"
    ones: ClassVar[str] = "capitalised pieces"
    nowhere: ClassVar[str] = "no capital anywhere"
