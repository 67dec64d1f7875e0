"""Sentence order prediction: are two neighbouring segments of a document in their order, or swapped?

Source
    Lan et al. 2020 (ALBERT), section 3.1.
Reads
    The relation of an example's segments, which the sequences are built for.
Writes
    ``sentence_order_label`` (sequences,): 0 in order, 1 swapped, as in transformers' ``AlbertForPreTraining``.
Loss
    Cross-entropy over two classes, from the pooled vector.
Differs
    No segment ever comes from another document: the original code takes a random one where a chunk is one sentence.
    Here a chunk has two sentences where its document does, and a document of one sentence gives no example.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from bertcli.contracts.objective import Head
from bertcli.objectives._pairs import PairObjective

__all__ = ["SentenceOrderPrediction"]


class SentenceOrderPrediction(PairObjective):
    """Are two neighbouring segments in their order?"""

    name: ClassVar[str] = "sop"
    relations: ClassVar[tuple[str, ...]] = ("next", "swapped")
    label_column: ClassVar[str] = "sentence_order_label"
    heads: ClassVar[Mapping[str, Head]] = {"pair": Head("pair")}
