"""Next sentence prediction: does segment B follow segment A, or is it from another document?

Source
    Devlin et al. 2019, section 3.1, task 2.
Reads
    The relation of an example's segments, which the sequences are built for.
Writes
    ``next_sentence_label`` (sequences,): 0 next, 1 random.
Loss
    Cross-entropy over two classes, from the pooled vector.
Differs
    Nothing: a document without a next segment yields negatives only, as in the original code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bertcli.contracts.objective import Head
from bertcli.objectives._pairs import PairObjective

__all__ = ["NextSentencePrediction"]


class NextSentencePrediction(PairObjective):
    """Does segment B follow segment A?"""

    name: ClassVar[str] = "nsp"
    relations: ClassVar[tuple[str, ...]] = ("next", "random")
    label_column: ClassVar[str] = "next_sentence_label"
    heads: ClassVar[Mapping[str, Head]] = {"pair": Head("pair")}
