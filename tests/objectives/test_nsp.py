import numpy as np
import pytest

from bertcli.contracts.audit import Evidence
from bertcli.contracts.objective import Corruption
from bertcli.data.examples import DynamicExamples
from bertcli.objectives.nsp import NextSentencePrediction


@pytest.fixture
def objective():
    return NextSentencePrediction(NextSentencePrediction.Settings())


def test_labels_are_0_for_next_and_1_for_random(objective, make_store, vocabulary):
    store = make_store(documents=80)
    data = DynamicExamples(store, vocabulary, {"nsp": objective}, kind="segment-pairs", seq_length=48, seed=0)
    numbers = np.arange(data.count(0))
    columns = data.columns(0, numbers)
    bounds = data.plan(0).bounds
    document = np.searchsorted(store.document_starts, bounds[:, 0], side="right")
    same = document[0::2] == document[1::2]
    assert np.array_equal(columns["next_sentence_label"], (~same).astype(int))


def test_segments_are_numbered_from_cls_to_the_first_sep_and_after_it(objective, make_store, vocabulary):
    data = DynamicExamples(make_store(), vocabulary, {"nsp": objective}, kind="segment-pairs", seq_length=48, seed=0)
    columns = data.columns(0, np.arange(20))
    for ids, types, mask in zip(
        columns["input_ids"], columns["token_type_ids"], columns["attention_mask"], strict=True
    ):
        first_sep = int(np.flatnonzero(ids == vocabulary.sep_id)[0])
        length = int(mask.sum())
        assert (types[: first_sep + 1] == 0).all()
        assert (types[first_sep + 1 : length] == 1).all()
        assert ids[length - 1] == vocabulary.sep_id


def test_the_audit_refuses_other_labels_and_pairs_of_one_segment(objective, vocabulary):
    columns = {"token_type_ids": np.array([[0, 1], [0, 1]]), "next_sentence_label": np.array([0, 1])}

    def wrong():
        checks = objective.audit(Evidence(columns, columns, Corruption(0, 0, vocabulary)))
        return [check.name for check in checks if not check.ok]

    assert wrong() == []
    columns["next_sentence_label"] = np.array([0, 2])
    columns["token_type_ids"] = np.array([[0, 0], [0, 1]])
    assert wrong() == ["nsp: labels outside 0 to 1", "nsp: pairs without a second segment"]


def test_corruption_copies_the_relation(objective, vocabulary):
    columns = {"relation": np.array([1, 0, 1], dtype=np.int8)}
    labels = objective.corrupt(columns, Corruption(0, 0, vocabulary))["next_sentence_label"]
    assert labels.tolist() == [1, 0, 1]
