"""The audit of pretraining data: what its examples are, counted, against what they must be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, exact, informative
from bertcli.contracts.batch import IGNORED, Columns
from bertcli.contracts.objective import Corruption, relations_of
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.data.examples import DynamicExamples, Objectives, StaticExamples
from bertcli.data.sequences import Plan
from bertcli.data.token_store import TokenStore


def spread(count: int, limit: int) -> NDArray[np.int64]:
    """At most ``limit`` numbers below ``count``, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, limit)).astype(np.int64))


def audit_dynamic(
    store: TokenStore,
    examples: DynamicExamples,
    objectives: Objectives,
    vocabulary: Vocabulary,
    *,
    epoch: int,
    limit: int,
    progress: float = 0.0,
) -> list[Check]:
    """Every check of every objective, of the sequences and of the pairs, on examples of an epoch.

    ``progress`` is the share of a run that is done, for what moves with it.
    """
    plan = examples.plan(epoch)
    numbers = spread(len(plan), limit)
    clean = examples.clean(epoch, numbers)
    finished = examples.corrupt(epoch, clean, progress)
    corruption = examples.corruption(epoch, progress)
    checks = _sequence_checks(clean, vocabulary)
    checks += _pair_checks(store, plan, numbers, objectives)
    for objective in objectives.values():
        checks += objective.audit(clean, finished, corruption)
    checks.append(informative("share of the corpus's tokens used", tokens_covered(store, plan)))
    return checks


def audit_static(
    examples: StaticExamples, objectives: Objectives, vocabulary: Vocabulary, *, limit: int
) -> list[Check]:
    """Every check that finished rows allow.

    The originals are put back from the labels, so checks that compare the two say nothing here and are left out.
    """
    finished = examples.columns(0, spread(examples.count(0), limit))
    original = finished["input_ids"]
    if "labels" in finished:
        original = np.where(finished["labels"] != IGNORED, finished["labels"], original)
    special = np.isin(original, vocabulary.special_ids) | (finished["attention_mask"] == 0)
    clean = finished | {"input_ids": original, "special_tokens_mask": special.astype(np.int64)}
    checks = _sequence_checks(clean, vocabulary)
    corruption = Corruption(0, 0, vocabulary)  # rows are drawn at the start of a run; of the seed nothing is asked
    for objective in objectives.values():
        checks += [check for check in objective.audit(clean, finished, corruption) if not check.needs_originals]
    return checks


def tokens_covered(store: TokenStore, plan: Plan) -> float:
    """Share of the store's tokens that stand in at least one example."""
    changes = np.zeros(store.tokens + 1, dtype=np.int32)
    np.add.at(changes, plan.bounds[:, 0], 1)
    np.add.at(changes, plan.bounds[:, 1], -1)
    return float((np.cumsum(changes[:-1]) > 0).mean()) if store.tokens else 0.0


def _sequence_checks(clean: Columns, vocabulary: Vocabulary) -> list[Check]:
    ids, attention = clean["input_ids"], clean["attention_mask"]
    lengths = attention.sum(axis=1)
    rows = np.arange(len(ids))
    ordinary = clean["special_tokens_mask"] == 0
    pieces = int(ordinary.sum())
    # The mask must be 1 on a prefix and 0 on the rest, and padding must be nothing but [PAD].
    prefix = np.arange(ids.shape[1])[None, :] < lengths[:, None]
    distinct = len(np.unique(ids, axis=0))
    unknown = float((ids == vocabulary.unk_id).sum()) / max(1, int(attention.sum()))
    return [
        exact("sequences that do not start with [CLS]", float((ids[:, 0] != vocabulary.cls_id).sum()), 0),
        exact("sequences that do not end with [SEP]", float((ids[rows, lengths - 1] != vocabulary.sep_id).sum()), 0),
        exact("padding that is attended to, or not [PAD]", _padding_faults(ids, attention, prefix, vocabulary), 0),
        exact("specials inside a segment", float(_misplaced_specials(ids, attention, vocabulary)), 0),
        informative("sequences looked at", float(len(ids))),
        informative("mean ordinary pieces in a sequence", pieces / max(1, len(ids))),
        informative("share of positions that are padding", 1 - float(attention.mean())),
        informative("share of sequences that repeat another", 1 - distinct / max(1, len(ids))),
        informative("rate of [UNK]", unknown),
    ]


def _misplaced_specials(ids: NDArray[np.int64], attention: NDArray[np.int64], vocabulary: Vocabulary) -> int:
    """[MASK] anywhere, [CLS] but at the start."""
    inside = ids[:, 1:]
    return int((ids == vocabulary.mask_id).sum() + ((inside == vocabulary.cls_id) & (attention[:, 1:] == 1)).sum())


def _padding_faults(
    ids: NDArray[np.int64], attention: NDArray[np.int64], prefix: NDArray[np.bool_], vocabulary: Vocabulary
) -> float:
    wrong_mask = (attention == 1) != prefix
    wrong_padding = (attention == 0) != (ids == vocabulary.pad_id)
    return float((wrong_mask | wrong_padding).sum())


def _pair_checks(store: TokenStore, plan: Plan, numbers: NDArray[np.int64], objectives: Objectives) -> list[Check]:
    """Whether the segments of each relation come from where the relation says, found from their positions alone."""
    relations = relations_of(objectives)
    if not relations:
        return []
    first = plan.first_piece[numbers]
    a, b = plan.bounds[first], plan.bounds[first + 1]
    document_a, document_b = (np.searchsorted(store.document_starts, piece[:, 0], side="right") - 1 for piece in (a, b))
    relation = plan.relation[numbers]
    same = document_a == document_b
    checks = []
    for index, name in enumerate(relations):
        of_kind = relation == index
        match name:
            case "next":
                wrong = of_kind & ~(same & (a[:, 1] <= b[:, 0]))
            case "swapped":
                wrong = of_kind & ~(same & (b[:, 1] <= a[:, 0]))
            case _:
                wrong = of_kind & same
        checks.append(exact(f"pairs called {name!r} that are not", float(wrong.sum()), 0))
    return checks
