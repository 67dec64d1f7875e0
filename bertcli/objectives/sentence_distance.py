"""Sentence distance: are two segments neighbours, of one document but apart, or of different documents?

Source
    Sun et al. 2020 (ERNIE 2.0), section 4.2.2.
Reads
    The relation of an example's segments, which the sequences are built for.
Writes
    ``sentence_distance_label`` (sequences,): 0 adjacent in one document, 1 in one document but not adjacent, 2 from
    different documents.
Loss
    Cross-entropy over three classes, from the pooled vector.
Differs
    The paper does not say how often each class is drawn: here each as often as the others where the document allows
    it. Between segments that are not adjacent there is at least one sentence, on either side of A; documents of fewer
    than three sentences have none such and give the other classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bertcli.contracts.objective import Head
from bertcli.objectives._pairs import PairObjective

__all__ = ["SentenceDistance"]


class SentenceDistance(PairObjective):
    """Are two segments adjacent, apart in one document, or of two?"""

    name: ClassVar[str] = "sentence_distance"
    relations: ClassVar[tuple[str, ...]] = ("next", "distant", "random")
    label_column: ClassVar[str] = "sentence_distance_label"
    heads: ClassVar[Mapping[str, Head]] = {"sentence_distance": Head("sequence", outputs=3)}
