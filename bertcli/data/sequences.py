"""Sequences: how an epoch's documents are cut into examples.

A plan is a pure function of (sentence ends, seed, epoch). Four ways, in the papers' terms:

``segment-pairs``
    Two segments of whole sentences, ``[CLS] A [SEP] B [SEP]`` (Devlin et al. 2019, appendix A.2;
    ``create_pretraining_data.py``). How B stands to A is the choice of an objective.
``sentence-pairs``
    The same with one sentence in each segment.
``full-sentences``
    Whole sentences up to the length, across documents, with a separator between them (Liu et al. 2019, section 4.2).
``document-sentences``
    The same, never across documents.
"""

from __future__ import annotations

from collections.abc import Sequence

from bertcli.data.plan import Plan
from bertcli.data.segment_pairs import plan_pairs
from bertcli.data.token_store import SequenceKind, TokenStore
from bertcli.data.whole_sentences import plan_whole_sentences

PAIR_KINDS: tuple[SequenceKind, ...] = ("segment-pairs", "sentence-pairs")
SHORT_SEQUENCE_PROBABILITY = 0.1
"""Share of segment pairs that are made shorter than the length (Devlin et al. 2019)."""


def make_plan(
    store: TokenStore,
    kind: SequenceKind,
    *,
    seq_length: int,
    seed: int,
    epoch: int,
    relations: Sequence[str] = (),
    short_sequence_probability: float = SHORT_SEQUENCE_PROBABILITY,
) -> Plan:
    """The examples of an epoch. ``seq_length`` counts ``[CLS]`` and ``[SEP]``.

    ``relations`` are the classes of the pair objective, e.g. ``("next", "random")``, drawn with equal probability.
    """
    if kind in PAIR_KINDS:
        return plan_pairs(
            store,
            seq_length=seq_length,
            seed=seed,
            epoch=epoch,
            relations=tuple(relations),
            short_sequence_probability=short_sequence_probability,
            single_sentences=kind == "sentence-pairs",
        )
    across_documents = kind == "full-sentences"
    return plan_whole_sentences(store, seq_length=seq_length, seed=seed, epoch=epoch, across_documents=across_documents)
