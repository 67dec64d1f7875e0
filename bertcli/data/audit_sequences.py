"""The audit of sequences: ``[CLS] A [SEP] B [SEP]``, its segments and padding, and the corpus's pieces in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, exact, informative
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.messages import notice
from bertcli.data.audit_sample import Sample
from bertcli.data.examples import Objectives
from bertcli.data.plan import Plan
from bertcli.data.token_store import TokenStore

UNKNOWN_RATE = "rate of [UNK]"
_MOST_UNKNOWN = 0.01


def tell_unknown(rate: float) -> None:
    """Say so where more pieces are unknown than a vocabulary that fits its text leaves."""
    if rate > _MOST_UNKNOWN:
        notice(f"{rate:.1%} of the pieces are [UNK]: does the vocabulary fit this text?")


def sequence_checks(sample: Sample, vocabulary: Vocabulary) -> list[Check]:
    """Form, padding and segments of the sequences before masking, and what they are made of in figures."""
    clean, ids = sample.clean, sample.original
    attention = sample.finished["attention_mask"]
    lengths = attention.sum(axis=1)
    last = np.maximum(lengths - 1, 0)
    ordinary = int((clean["special_tokens_mask"] == 0).sum())
    rows = np.arange(len(ids))
    # The mask must be 1 on a prefix and 0 on the rest, and padding must be nothing but [PAD].
    prefix = np.arange(ids.shape[1])[None, :] < lengths[:, None]
    wrong_padding = ((attention == 1) != prefix) | ((attention == 0) != (ids == vocabulary.pad_id))
    distinct = len(np.unique(ids, axis=0))
    return [
        exact("sequences that do not start with [CLS]", float((ids[:, 0] != vocabulary.cls_id).sum()), 0),
        exact("sequences that do not end with [SEP]", float((ids[rows, last] != vocabulary.sep_id).sum()), 0),
        exact("padding that is attended to, or not [PAD]", float(wrong_padding.sum()), 0),
        exact("specials inside a segment", float(_misplaced_specials(ids, attention, vocabulary)), 0),
        exact("segment ids that change elsewhere than behind a [SEP]", _segment_faults(sample, vocabulary), 0),
        informative("sequences looked at", float(len(ids))),
        informative("mean ordinary pieces in a sequence", ordinary / max(1, len(ids))),
        informative("share of positions that are padding", 1 - float(attention.mean())),
        informative("share of sequences that repeat another", 1 - distinct / max(1, len(ids))),
        informative(UNKNOWN_RATE, float((ids == vocabulary.unk_id).sum()) / max(1, int(attention.sum()))),
    ]


def corpus_checks(sample: Sample, objectives: Objectives, vocabulary: Vocabulary) -> list[Check]:
    """Pieces and segments held against the corpus, read run by run; finished rows also against rows drawn again."""
    checks = []
    if sample.rows is not None and sample.rows_made is not None:
        checks.append(exact("finished rows of training", sample.rows, sample.rows_made))
    if sample.store is None or sample.plan is None:
        return checks
    pieces, segments = _as_planned(sample.store, sample.plan, sample.original.shape, vocabulary)
    types = sample.finished["token_type_ids"]
    checks += [
        exact("pieces that are not the corpus's at their place", float((sample.original != pieces).sum()), 0),
        exact("segment ids that are not the plan's", float((types != segments).sum()), 0),
    ]
    if sample.redrawn is not None:
        written = sorted(set().union(*(objective.writes for objective in objectives.values())))
        checks += [
            exact(f"values of {column} that the seed does not draw", _differences(sample, column), 0)
            for column in written
            if column in sample.redrawn
        ]
    return checks


def _differences(sample: Sample, column: str) -> float:
    assert sample.redrawn is not None
    return float((sample.redrawn[column] != sample.finished[column]).sum())


def _misplaced_specials(ids: NDArray[np.int64], attention: NDArray[np.int64], vocabulary: Vocabulary) -> int:
    """[MASK] anywhere, [CLS] but at the start."""
    inside = ids[:, 1:]
    return int((ids == vocabulary.mask_id).sum() + ((inside == vocabulary.cls_id) & (attention[:, 1:] == 1)).sum())


def _segment_faults(sample: Sample, vocabulary: Vocabulary) -> float:
    """Ids other than 0 and then 1, a change that no [SEP] stands before, and ids on padding."""
    types, ids = sample.finished["token_type_ids"], sample.original
    wrong = ~np.isin(types, (0, 1)) | ((sample.finished["attention_mask"] == 0) & (types != 0))
    wrong[:, 0] |= types[:, 0] != 0
    attended = sample.finished["attention_mask"][:, 1:] == 1
    change = (types[:, 1:] != types[:, :-1]) & attended
    rising = (types[:, 1:] == 1) & (ids[:, :-1] == vocabulary.sep_id)
    wrong[:, 1:] |= change & ~rising
    return float(wrong.sum())


def _as_planned(
    store: TokenStore, plan: Plan, shape: tuple[int, ...], vocabulary: Vocabulary
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pieces and segment ids (batch, seq), put together run by run: plainly, and not as examples are assembled."""
    pieces = np.full(shape, vocabulary.pad_id, dtype=np.int64)
    segments = np.zeros(shape, dtype=np.int64)
    pieces[:, 0] = vocabulary.cls_id
    bounds, kinds, first = plan.bounds.tolist(), plan.segments.tolist(), plan.first_piece.tolist()
    for row in range(len(plan)):
        at = 1
        for run in range(first[row], first[row + 1]):
            start, end = bounds[run]
            behind = at + end - start
            pieces[row, at:behind] = store.read(start, end)
            pieces[row, behind] = vocabulary.sep_id
            segments[row, at : behind + 1] = kinds[run]
            at = behind + 1
    return pieces, segments
