import numpy as np
import pytest

from bertcli.contracts.audit import Evidence
from bertcli.contracts.objective import Corruption
from bertcli.data.examples import DynamicExamples
from bertcli.objectives.sop import SentenceOrderPrediction


@pytest.fixture
def objective():
    return SentenceOrderPrediction(SentenceOrderPrediction.Settings())


@pytest.fixture(params=["segment-pairs", "sentence-pairs"])
def prepared(request, objective, make_store, vocabulary):
    store = make_store(documents=40)
    return store, DynamicExamples(store, vocabulary, {"sop": objective}, kind=request.param, seq_length=48, seed=0)


def test_labels_are_0_in_order_and_1_swapped(prepared):
    _, data = prepared
    labels = data.columns(0, np.arange(data.count(0)))["sentence_order_label"]
    starts = data.plan(0).bounds[:, 0]
    assert np.array_equal(labels, (starts[0::2] > starts[1::2]).astype(int))
    assert set(labels.tolist()) == {0, 1}


def test_both_segments_are_of_one_document(prepared):
    store, data = prepared
    document = np.searchsorted(store.document_starts, data.plan(0).bounds[:, 0], side="right")
    assert np.array_equal(document[0::2], document[1::2])


def test_a_row_does_not_depend_on_its_batch(prepared):
    _, data = prepared
    together = data.columns(1, np.arange(30))
    for number in (0, 7, 29):
        alone = data.columns(1, np.array([number]))
        length = alone["input_ids"].shape[1]
        assert np.array_equal(alone["input_ids"][0], together["input_ids"][number, :length])
        assert alone["sentence_order_label"][0] == together["sentence_order_label"][number]


def test_the_name_of_the_column_is_that_of_transformers():
    import inspect

    from transformers import AlbertForPreTraining

    assert SentenceOrderPrediction.label_column in inspect.signature(AlbertForPreTraining.forward).parameters


def test_the_audit_refuses_other_labels(objective, vocabulary):
    columns = {"token_type_ids": np.array([[0, 1], [0, 1]]), "sentence_order_label": np.array([0, 1])}
    assert all(check.ok for check in objective.audit(Evidence(columns, columns, Corruption(0, 0, vocabulary))))
    columns["sentence_order_label"] = np.array([0, 2])
    assert not all(check.ok for check in objective.audit(Evidence(columns, columns, Corruption(0, 0, vocabulary))))


def test_corruption_copies_the_relation(objective, vocabulary):
    columns = {"relation": np.array([1, 0, 1], dtype=np.int8)}
    assert objective.corrupt(columns, Corruption(0, 0, vocabulary))["sentence_order_label"].tolist() == [1, 0, 1]
