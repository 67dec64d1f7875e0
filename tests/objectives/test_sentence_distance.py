from dataclasses import replace

import numpy as np
import pytest
import torch

from bertcli.contracts.batch import Batch
from bertcli.contracts.encoder import Encoded
from bertcli.data.audit import audit_dynamic
from bertcli.data.examples import DynamicExamples
from bertcli.objectives.sentence_distance import SentenceDistance


@pytest.fixture
def objective():
    return SentenceDistance(SentenceDistance.Settings())


def examples(objective, store, vocabulary, kind="sentence-pairs"):
    objectives = {"sentence_distance": objective}
    return DynamicExamples(store, vocabulary, objectives, kind=kind, seq_length=80, seed=0)


def test_labels_are_0_adjacent_1_apart_in_one_document_and_2_of_two(objective, make_store, vocabulary):
    store = make_store(documents=40)
    data = examples(objective, store, vocabulary)
    labels = data.columns(0, np.arange(data.count(0)))["sentence_distance_label"]
    starts = data.plan(0).bounds[:, 0]
    document, sentence = (
        np.searchsorted(edges, starts, side="right").reshape(-1, 2)
        for edges in (store.document_starts, store.sentence_ends)
    )
    same = document[:, 0] == document[:, 1]
    expected = np.where(~same, 2, np.where(sentence[:, 1] - sentence[:, 0] == 1, 0, 1))
    assert np.array_equal(labels, expected)
    assert not (same & (sentence[:, 0] - sentence[:, 1] == 1)).any()  # neighbours in reverse are of no class
    assert set(labels.tolist()) == {0, 1, 2}


def test_documents_of_two_sentences_have_neighbours_and_others_alone(objective, store_of_two, vocabulary):
    data = examples(objective, store_of_two, vocabulary, "segment-pairs")
    labels = data.columns(0, np.arange(data.count(0)))["sentence_distance_label"]
    assert set(labels.tolist()) == {0, 2}


@pytest.fixture
def store_of_two(tmp_path, store_writer):
    from bertcli.data.token_store import EncodedDocuments, TokenStore

    with store_writer(tmp_path / "store", 200) as writer:
        for _ in range(60):
            writer.add(EncodedDocuments(np.arange(5, 13, dtype=np.int32), np.array([4, 4]), np.array([2])))
    return TokenStore(tmp_path / "store")


def test_the_loss_is_cross_entropy_over_three_classes(objective):
    pooled = torch.randn(4, 6, generator=torch.Generator().manual_seed(0))
    head = torch.nn.Linear(6, 3)
    labels = torch.tensor([0, 1, 2, 1])
    batch = Batch({"sentence_distance_label": labels}, np.arange(4))
    (loss,) = objective.loss({"sentence_distance": head}, lambda name, asked: Encoded({}, pooled), batch).values()
    assert loss.count == 4
    assert loss.total.item() == pytest.approx(torch.nn.functional.cross_entropy(head(pooled), labels).item() * 4)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("adjacent", "sentence_distance: distant pairs in the wrong order or distance"),
        ("other document", "sentence_distance: distant pairs with a segment from elsewhere"),
        ("neighbour", "sentence_distance: random pairs from one document"),
    ],
)
def test_the_audit_finds_pairs_that_are_not_distant(objective, make_store, vocabulary, fault, message):
    store = make_store(documents=40, longest=8)
    data = examples(objective, store, vocabulary)
    plan = data.plan(0)
    name = {"adjacent": "distant", "other document": "distant", "neighbour": "random"}[fault]
    number = {"adjacent": 0, "other document": 2, "neighbour": 1}[fault]
    wrong = int(np.flatnonzero(plan.relation == number)[0])
    relation = plan.relation.copy()
    relation[wrong] = objective.relations.index(name)
    data.plan = lambda epoch: replace(plan, relation=relation)
    checks = audit_dynamic(store, data, {"sentence_distance": objective}, vocabulary, epoch=0, limit=10_000)
    assert message in [check.name for check in checks if not check.ok]
