import numpy as np
import pytest

from bertcli.contracts.audit import Evidence
from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import Corruption, make_default_objectives
from bertcli.data.audit import audit_dynamic
from bertcli.data.examples import DynamicExamples
from bertcli.data.token_store import EncodedDocuments, TokenStore


@pytest.fixture(scope="session")
def write_store(store_writer):
    """Each document is a list of sentences of ids."""

    def write(directory, documents):
        with store_writer(directory, 200) as writer:
            for sentences in documents:
                ids = np.concatenate(sentences).astype(np.int32)
                writer.add(EncodedDocuments(ids, np.array(list(map(len, sentences))), np.array([len(sentences)])))
        return TokenStore(directory)

    return write


def examples_of(store, vocabulary, names=("token_document",), kind="document-sentences", seq_length=48):
    objectives = make_default_objectives(names)
    return DynamicExamples(store, vocabulary, objectives, kind=kind, seq_length=seq_length, seed=0), objectives


def labelled(examples):
    """Every example's ids and labels, without padding."""
    columns = examples.columns(0, np.arange(examples.count(0)))
    lengths = columns["attention_mask"].sum(axis=1)
    return {
        tuple(ids[:length]): labels[:length]
        for ids, labels, length in zip(
            columns["input_ids"].tolist(), columns["token_document_labels"].tolist(), lengths, strict=True
        )
    }


def test_labels_worked_out_by_hand(tmp_path, vocabulary, write_store):
    unknown = vocabulary.unk_id
    first = [[10, 11, 12, 10, unknown, 13], [14, 12, 14, 15, unknown, 16]]
    store = write_store(tmp_path / "train", [first, [[10, 17]]])
    none = IGNORED
    assert labelled(examples_of(store, vocabulary, seq_length=8)[0]) == {
        (2, 10, 11, 12, 10, unknown, 13, 3): [none, 0, 0, 1, 0, none, 0, none],  # 10 twice, in this segment alone
        (2, 14, 12, 14, 15, unknown, 16, 3): [none, 0, 1, 0, 0, none, 0, none],
        (2, 10, 17, 3): [none, 0, 0, none],  # 10 also in another document
    }


def test_the_segments_of_a_pair_are_segments_of_their_document(tmp_path, vocabulary, write_store):
    store = write_store(tmp_path / "train", [[[10, 11], [11, 12]], [[10, 13], [14, 14]]])
    examples, _ = examples_of(store, vocabulary, kind="segment-pairs", seq_length=8)
    by_first = {ids[1:3]: labels for ids, labels in labelled(examples).items() if len(ids) == 7}
    assert by_first[10, 11] == [IGNORED, 0, 1, IGNORED, 1, 0, IGNORED]
    assert by_first[10, 13] == [IGNORED, 0, 0, IGNORED, 0, 0, IGNORED]


def test_full_sentences_have_a_segment_for_each_document(tmp_path, vocabulary, write_store):
    store = write_store(tmp_path / "train", [[[10, 11, 11]], [[11, 12]], [[13, 10]]])
    for ids, labels in labelled(examples_of(store, vocabulary, kind="full-sentences")[0]).items():
        assert ids.count(3) == 3
        assert set(labels) == {0, IGNORED}


def test_labels_belong_to_the_example_and_not_to_its_batch(make_store, vocabulary):
    examples, _ = examples_of(make_store(), vocabulary)
    whole = examples.columns(0, np.arange(40))["token_document_labels"]
    for number in (3, 17, 39):
        alone = examples.columns(0, np.array([number]))["token_document_labels"][0]
        assert np.array_equal(alone, whole[number, : len(alone)])
        assert (whole[number, len(alone) :] == IGNORED).all()


@pytest.mark.parametrize("kind", ["segment-pairs", "full-sentences", "document-sentences"])
def test_labels_are_those_of_looking_through_the_document(make_store, vocabulary, kind):
    """From the plan and the store, without what the objective reads."""
    store = make_store(documents=20)
    examples, _ = examples_of(store, vocabulary, ["token_document", "mlm"], kind)
    plan = examples.plan(0)
    labels = examples.columns(0, np.arange(len(plan)))["token_document_labels"]
    seen = set()
    for number in range(len(plan)):
        at = 1
        for start, end in plan.bounds[plan.first_piece[number] : plan.first_piece[number + 1]].tolist():
            document = int(np.searchsorted(store.document_starts, start, side="right")) - 1
            begin, stop = store.document_starts[document : document + 2].tolist()
            of_document = store.read(begin, stop).tolist()
            outside = {*of_document[: start - begin], *of_document[end - begin :]}
            expected = [int(piece in outside) for piece in of_document[start - begin : end - begin]]
            assert labels[number, at : at + end - start].tolist() == expected
            at += end - start + 1
            seen |= set(expected)
    assert seen == {0, 1}


def test_the_audit_finds_documents_of_one_segment(tmp_path, vocabulary, write_store):
    store = write_store(tmp_path / "train", [[[10, 11]], [[12, 13, 13]]])
    examples, objectives = examples_of(store, vocabulary)
    checks = audit_dynamic(store, examples, objectives, vocabulary, epoch=0, limit=10)
    wrong = [check.name for check in checks if not check.ok]
    assert wrong == ["token_document: all labels are alike (no segment shares a piece, or everywhere)"]


@pytest.mark.parametrize("with_source", [True, False])
def test_the_audit_finds_equal_pieces_of_a_segment_told_apart(tmp_path, vocabulary, with_source, write_store):
    store = write_store(tmp_path / "train", [[[10, 11, 10, 12], [10, 13, 14]]])
    examples, objectives = examples_of(store, vocabulary, seq_length=8)
    clean = examples.clean(0, np.arange(2))
    finished = examples.corrupt(0, clean)
    if not with_source:  # as finished rows
        clean = {name: values for name, values in clean.items() if name != "recurs"}
    audit = objectives["token_document"].audit
    corruption = Corruption(0, 0, vocabulary)
    assert all(check.ok for check in audit(Evidence(clean, finished, corruption, with_source)))
    labels = finished["token_document_labels"].copy()
    row, position = np.argwhere(clean["input_ids"] == 10)[0]
    labels[row, position] = 0
    relabelled = finished | {"token_document_labels": labels}
    checks = audit(Evidence(clean, relabelled, corruption, with_source))
    wrong = [check.name for check in checks if not check.ok]
    assert "token_document: equal pieces of a segment with different labels" in wrong
    assert ("token_document: labels that differ from the data" in wrong) == with_source
