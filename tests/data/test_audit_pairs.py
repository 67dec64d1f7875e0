from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bertcli.data.audit_pairs import pair_checks
from bertcli.data.audit_sample import Sample
from bertcli.data.examples import assemble
from bertcli.data.plan import Plan
from bertcli.data.token_columns import TokenColumns
from bertcli.data.token_store import TokenStore

RELATIONS = ("next", "swapped", "distant", "random")
OBJECTIVE = SimpleNamespace(relations=RELATIONS, label_column="label")


@pytest.fixture
def store(tmp_path, one_document, store_writer):
    """Two documents of sentences of one token: tokens 0 to 40 are pieces 10 to 49, tokens 40 to 80 pieces 60 to 99."""
    with store_writer(tmp_path / "store", 200) as writer:
        writer.add(one_document([[piece] for piece in range(10, 50)]))
        writer.add(one_document([[piece] for piece in range(60, 100)]))
    return TokenStore(tmp_path / "store")


def sample_of(store, vocabulary, *pairs):
    """Pairs (relation, start and end of A, start and end of B)."""
    plan = Plan(
        bounds=np.array([bounds for _, *both in pairs for bounds in both], dtype=np.int64),
        segments=np.tile(np.array([0, 1], np.int8), len(pairs)),
        first_piece=np.arange(0, 2 * len(pairs) + 1, 2),
        relation=np.array([RELATIONS.index(name) for name, *_ in pairs], np.int8),
    )
    clean = assemble(store, plan, np.arange(len(pairs)), vocabulary, TokenColumns(frozenset(), store, None))
    finished = clean | {"label": plan.relation.astype(np.int64)}
    return Sample(clean, finished, clean["input_ids"], store=store, plan=plan)


def wrong(sample):
    return {check.name: check.observed for check in pair_checks(sample, {"it": OBJECTIVE}) if not check.ok}


FULL = ("random", (0, 12), (40, 52))
"""A pair of 24 tokens, the longest: what is as long may have been cut."""


def test_pairs_that_are_what_they_are_called_pass(store, vocabulary):
    pairs = [
        FULL,
        ("next", (0, 5), (5, 12)),
        ("next", (0, 12), (14, 26)),  # cut to the length where they met
        ("swapped", (5, 12), (0, 5)),
        ("swapped", (14, 26), (0, 12)),
        ("distant", (0, 5), (9, 12)),
        ("distant", (60, 65), (41, 44)),
    ]
    assert wrong(sample_of(store, vocabulary, *pairs)) == {}


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("next", (0, 5), (45, 50)), "it: next pairs with a segment from elsewhere"),
        (("swapped", (45, 50), (0, 5)), "it: swapped pairs with a segment from elsewhere"),
        (("distant", (0, 5), (45, 50)), "it: distant pairs with a segment from elsewhere"),
        (("next", (5, 12), (0, 5)), "it: next pairs in the wrong order or distance"),
        (("next", (0, 5), (6, 12)), "it: next pairs in the wrong order or distance"),  # a hole, and it is not full
        (("swapped", (0, 5), (5, 12)), "it: swapped pairs in the wrong order or distance"),
        (("distant", (0, 5), (5, 12)), "it: distant pairs in the wrong order or distance"),
        (("distant", (0, 5), (4, 12)), "it: distant pairs in the wrong order or distance"),
        (("random", (0, 5), (20, 25)), "it: random pairs from one document"),
    ],
)
def test_a_pair_from_elsewhere_than_its_relation_says_has_a_message_of_its_own(store, vocabulary, pair, message):
    assert wrong(sample_of(store, vocabulary, FULL, pair))[message] == 1


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (("next", (0, 5), (5, 12)), "it: next pairs whose pieces are not found there"),
        (("swapped", (5, 12), (0, 5)), "it: swapped pairs whose pieces are not found there"),
        (("distant", (0, 5), (9, 12)), "it: distant pairs whose pieces are not found there"),
        (("random", (0, 5), (45, 50)), "it: random pairs whose pieces are not found there"),
    ],
)
def test_pieces_that_are_not_the_documents_are_found_without_the_plan(store, vocabulary, pair, message):
    sample = sample_of(store, vocabulary, FULL, pair)
    sample.original[1, 2] = 150
    assert wrong(sample) == {message: 1}


def test_pieces_are_looked_for_in_their_order(store, vocabulary):
    sample = sample_of(store, vocabulary, FULL, ("next", (0, 6), (6, 12)))
    a, b = sample.original[1, 1:7].copy(), sample.original[1, 8:14].copy()
    sample.original[1, 1:7], sample.original[1, 8:14] = b, a
    assert wrong(sample) == {"it: next pairs whose pieces are not found there": 1}


def test_every_document_is_read_once_for_each_relation(store, vocabulary, monkeypatch):
    read = []
    right = TokenStore.read
    neighbours = [("next", (at, at + 1), (at + 1, at + 2)) for at in (0, 41, 3, 42, 5, 43)]
    strangers = [("random", (at, at + 1), (40 + at, 41 + at)) for at in range(12)]
    sample = sample_of(store, vocabulary, FULL, *neighbours, *strangers)
    monkeypatch.setattr(TokenStore, "read", lambda self, start, end: read.append(start) or right(self, start, end))
    assert wrong(sample) == {}
    assert read == [0, 40, 0, 40]  # both for ``next``, then the one of all first and the one of all second segments


def test_bytes_between_two_pieces_are_no_piece(tmp_path, one_document, vocabulary, store_writer):
    with store_writer(tmp_path / "wide", 60_000) as writer:
        writer.add(one_document([[0x0202, 0x0005, 0x0201, 0x0102]]))  # the bytes 02 02 05 00 01 02 02 01
        writer.add(one_document([[0x0201, 0x0102, 0x0005]]))
    store = TokenStore(tmp_path / "wide")
    wide = replace(vocabulary, size=60_000)
    sample = sample_of(store, wide, ("next", (1, 2), (2, 3)), ("random", (4, 5), (0, 1)))
    assert wrong(sample) == {}
    sample.original[0, 3] = sample.original[1, 1] = 0x0202
    assert wrong(sample) == {
        "it: next pairs whose pieces are not found there": 1,
        "it: random pairs whose pieces are not found there": 1,
    }


def test_labels_are_held_against_the_relation_and_their_balance_is_told(store, vocabulary):
    sample = sample_of(store, vocabulary, FULL, ("next", (0, 5), (5, 12)), ("next", (0, 5), (5, 13)), FULL)
    shares = {check.name: check.observed for check in pair_checks(sample, {"it": OBJECTIVE})}
    assert shares["it: share of next pairs"] == shares["it: share of random pairs"] == 0.5
    assert shares["it: share of distant pairs"] == 0
    sample.finished["label"][1] = 1
    assert wrong(sample) == {"it: labels that are not the relation of the pair": 1}
