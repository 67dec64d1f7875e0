"""The audit of pairs: whether segments come from where their relation says, by their places and by their pieces.

Two ways that do not trust each other: the places are those of the plan; the pieces are looked for in the documents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, exact, informative
from bertcli.data.audit_sample import Sample
from bertcli.data.documents import document_of
from bertcli.data.examples import Objectives
from bertcli.data.token_store import TokenStore

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class _Places:
    """Where the segments of some pairs stand: (pairs,) each."""

    a_start: Ints
    a_end: Ints
    b_start: Ints
    b_end: Ints

    @property
    def lengths(self) -> Ints:
        return self.a_end - self.a_start + self.b_end - self.b_start


def pair_checks(sample: Sample, objectives: Objectives) -> list[Check]:
    """For the objective that decides on pairs: labels, balance, and where the segments of each relation come from."""
    checks = []
    for name, objective in objectives.items():
        if not objective.relations or objective.label_column is None:
            continue
        labels = sample.finished[objective.label_column]
        if sample.plan is not None:
            checks += _origin_checks(sample, name, objective.relations)
            wrong = labels != sample.plan.relation
            checks.append(exact(f"{name}: labels that are not the relation of the pair", float(wrong.sum()), 0))
        checks += [
            informative(f"{name}: share of {relation} pairs", float((labels == index).mean()))
            for index, relation in enumerate(objective.relations)
        ]
    return checks


def _origin_checks(sample: Sample, name: str, relations: tuple[str, ...]) -> list[Check]:
    assert sample.store is not None and sample.plan is not None
    plan, store = sample.plan, sample.store
    is_pair = np.diff(plan.first_piece) == 2
    checks = [exact(f"{name}: examples that are no pair", float((~is_pair).sum()), 0)]
    rows = np.flatnonzero(is_pair)
    first = plan.first_piece[rows]
    places = _Places(*plan.bounds[first].T, *plan.bounds[first + 1].T)
    relation = plan.relation[rows]
    document_a, document_b = document_of(store, places.a_start), document_of(store, places.b_start)
    is_foreign = document_a != document_b
    is_misplaced = _misplaced(places, _sentences_apart(store, places), relations, relation)
    for index, kind in enumerate(relations):
        of_kind = relation == index
        if kind == "random":
            checks.append(exact(f"{name}: random pairs from one document", float((of_kind & ~is_foreign).sum()), 0))
        else:
            checks += [
                exact(f"{name}: {kind} pairs with a segment from elsewhere", float((of_kind & is_foreign).sum()), 0),
                exact(
                    f"{name}: {kind} pairs in the wrong order or distance",
                    float((of_kind & ~is_foreign & is_misplaced).sum()),
                    0,
                ),
            ]
        unfound = _unfound(sample, store, rows[of_kind], document_a[of_kind], document_b[of_kind], kind)
        checks.append(exact(f"{name}: {kind} pairs whose pieces are not found there", float(unfound), 0))
    return checks


def _sentences_apart(store: TokenStore, places: _Places) -> Bools:
    """(pairs,) whether a sentence at least stands between the segments of each pair."""
    firsts, lasts = (
        [np.searchsorted(store.sentence_ends, at, side="right") for at in of_both]
        for of_both in ((places.a_start, places.b_start), (places.a_end - 1, places.b_end - 1))
    )
    apart: Bools = (firsts[1] - lasts[0] > 1) | (firsts[0] - lasts[1] > 1)
    return apart


def _misplaced(places: _Places, apart: Bools, relations: tuple[str, ...], relation: NDArray[np.int8]) -> Bools:
    """(pairs,) whether the segments of one document stand otherwise than their relation says.

    Neighbours touch, unless tokens between them were cut away to fit the pair into the length: it is full then.
    """
    is_full = places.lengths == places.lengths.max(initial=0)
    gap_after, gap_before = places.b_start - places.a_end, places.a_start - places.b_end
    in_order = (gap_after == 0) | ((gap_after > 0) & is_full)
    swapped = (gap_before == 0) | ((gap_before > 0) & is_full)
    right = {"next": in_order, "swapped": swapped, "distant": apart}
    everywhere = np.ones(len(relation), dtype=np.bool_)
    misplaced = np.zeros(len(relation), dtype=np.bool_)
    for index, kind in enumerate(relations):
        misplaced |= (relation == index) & ~right.get(kind, everywhere)
    return misplaced


class _Text:
    """A document's pieces as bytes, searched for runs of pieces."""

    def __init__(self, store: TokenStore, document: int) -> None:
        start, end = store.document_starts[document : document + 2].tolist()
        ids = store.read(start, end)
        self.dtype = ids.dtype
        self._content = ids.tobytes()

    def first(self, run: bytes) -> int:
        """The first piece at which ``run`` stands, or -1."""
        at = self._content.find(run)
        while at >= 0 and at % self.dtype.itemsize:  # between two pieces
            at = self._content.find(run, at + 1)
        return at // self.dtype.itemsize

    def last(self, run: bytes) -> int:
        """The last piece at which ``run`` stands, or -1."""
        at = self._content.rfind(run)
        while at >= 0 and at % self.dtype.itemsize:
            at = self._content.rfind(run, 0, at + len(run) - 1)
        return at // self.dtype.itemsize


def _unfound(sample: Sample, store: TokenStore, rows: Ints, document_a: Ints, document_b: Ints, kind: str) -> int:
    """Of the pairs in these rows, how many have pieces that do not stand in their documents as ``kind`` says."""
    lengths = sample.finished["attention_mask"].sum(axis=1).tolist()
    in_a = ((sample.finished["token_type_ids"] == 0) & (sample.finished["attention_mask"] == 1)).sum(axis=1).tolist()

    def segments(text: _Text, pair: int) -> tuple[bytes, bytes]:
        row = rows[pair]
        ids = sample.original[row].astype(text.dtype)
        return ids[1 : in_a[row] - 1].tobytes(), ids[in_a[row] : lengths[row] - 1].tobytes()

    if kind == "random":
        found_a = _answers(store, document_a, lambda text, pair: text.first(segments(text, pair)[0]) >= 0)
        found_b = _answers(store, document_b, lambda text, pair: text.first(segments(text, pair)[1]) >= 0)
        return int((~(found_a & found_b)).sum())
    found = _answers(store, document_a, lambda text, pair: _stand_as(kind, text, *segments(text, pair)))
    return int((~found).sum())


def _answers(store: TokenStore, documents: Ints, ask: Callable[[_Text, int], bool]) -> Bools:
    """(pairs,) what is asked of the document of each pair; every document's text is made once."""
    answers = np.zeros(len(documents), dtype=np.bool_)
    by_document = np.argsort(documents, kind="stable").tolist()
    for document, pairs in groupby(by_document, key=lambda pair: int(documents[pair])):
        text = _Text(store, document)
        for pair in pairs:
            answers[pair] = ask(text, pair)
    return answers


def _stand_as(kind: str, text: _Text, a: bytes, b: bytes) -> bool:
    """Whether two segments stand in a document in the order of a relation, at some of their places in it."""
    first_a, first_b, last_a, last_b = text.first(a), text.first(b), text.last(a), text.last(b)
    if first_a < 0 or first_b < 0:
        return False
    behind_a, behind_b = first_a + len(a) // text.dtype.itemsize, first_b + len(b) // text.dtype.itemsize
    match kind:
        case "next":
            return behind_a <= last_b
        case "swapped":
            return behind_b <= last_a
        case "distant":
            return behind_a < last_b or behind_b < last_a
    return True
