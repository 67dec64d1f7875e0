from dataclasses import replace

import numpy as np
import pytest

from bertcli.contracts.audit import Evidence
from bertcli.contracts.batch import IGNORED
from bertcli.contracts.objective import Corruption, make_default_objectives
from bertcli.data.audit import audit_dynamic
from bertcli.data.batches import make_batch
from bertcli.data.examples import DynamicExamples
from bertcli.data.token_store import EncodedDocuments, TokenStore
from bertcli.errors import DataError

WIDTH = 12


@pytest.fixture(scope="session")
def write_store(store_writer):
    """Each document is one sentence of (id, whether capitalised)."""

    def write(directory, documents):
        with store_writer(directory, 200, columns=["cased"]) as writer:
            for pieces in documents:
                ids, cased = (np.array(values) for values in zip(*pieces, strict=True))
                columns = {"cased": cased.astype(np.bool_)}
                writer.add(EncodedDocuments(ids.astype(np.int32), np.array([len(ids)]), np.array([1]), columns))
        return TokenStore(directory)

    return write


def examples_of(store, vocabulary, names=("capitalization",), kind="document-sentences", seq_length=WIDTH, seed=0):
    objectives = make_default_objectives(names)
    return DynamicExamples(store, vocabulary, objectives, kind=kind, seq_length=seq_length, seed=seed), objectives


def test_labels_are_1_where_the_store_says_so_and_stand_at_ordinary_pieces_alone(tmp_path, vocabulary, write_store):
    unknown = vocabulary.unk_id
    store = write_store(tmp_path / "train", [[(10, 1), (11, 1), (unknown, 1), (12, 0)], [(13, 0)]])
    examples, _ = examples_of(store, vocabulary)
    columns = examples.columns(0, np.arange(2))
    ids, labels = columns["input_ids"].tolist(), columns["capitalization_labels"].tolist()
    rows = {tuple(row): of_row for row, of_row in zip(ids, labels, strict=True)}
    assert rows == {
        (2, 10, 11, unknown, 12, 3): [IGNORED, 1, 1, IGNORED, 0, IGNORED],
        (2, 13, 3, 0, 0, 0): [IGNORED, 0, IGNORED, IGNORED, IGNORED, IGNORED],
    }


def test_masked_pieces_keep_their_labels(make_store, vocabulary):
    store = make_store(columns=["cased"])
    both, _ = examples_of(store, vocabulary, ["capitalization", "mlm"], seq_length=48)
    alone, _ = examples_of(store, vocabulary, seq_length=48)
    columns = both.columns(0, np.arange(20))
    assert (columns["input_ids"] == vocabulary.mask_id).any()
    assert np.array_equal(columns["capitalization_labels"], alone.columns(0, np.arange(20))["capitalization_labels"])


def test_labels_belong_to_the_example_and_not_to_its_batch(make_store, vocabulary):
    examples, _ = examples_of(make_store(columns=["cased"]), vocabulary, seq_length=48)
    whole = examples.columns(0, np.arange(30))
    for number in (3, 17):
        alone = examples.columns(0, np.array([number]))["capitalization_labels"][0]
        together = whole["capitalization_labels"][number]
        assert np.array_equal(alone, together[: len(alone)])
        assert (together[len(alone) :] == IGNORED).all()


def test_its_loss_reads_every_ordinary_piece(make_store, vocabulary):
    store = make_store(columns=["cased"])
    examples, objectives = examples_of(store, vocabulary, ["capitalization", "mlm"], seq_length=48)
    batch = make_batch(examples, objectives, 0, np.arange(16))
    ordinary = batch["capitalization_labels"] != IGNORED
    read = np.take_along_axis(batch["capitalization_labels"], batch["target_positions"], axis=1).ravel()
    assert batch.counts["capitalization"] == ordinary.sum() == len(batch["capitalization:targets"])
    assert sorted(read[batch["capitalization:targets"]]) == sorted(batch["capitalization_labels"][ordinary])
    assert len(batch["mlm:targets"]) == batch.counts["mlm"] < ordinary.sum()


def test_a_store_without_capitals_says_how_to_get_them(make_store, vocabulary):
    with pytest.raises(DataError, match="these data do not tell which words had capitals") as error:
        examples_of(make_store(), vocabulary)
    assert error.value.hint == "build them again with `bertcli mask build CORPUS --capitals`"


def test_a_vocabulary_that_keeps_capitals_shows_the_answer(make_store, vocabulary):
    for columns in ([], ["cased"]):
        with pytest.raises(DataError, match="the vocabulary keeps capitals: the pieces themselves show") as error:
            examples_of(make_store(columns=columns), replace(vocabulary, lowercase=False))
        assert error.value.hint == "leave out capitalization, or build the data with a vocabulary that lower-cases"


def test_an_empty_split_has_nothing_to_lack(tmp_path, vocabulary, store_writer):
    with store_writer(tmp_path / "heldout", 200):
        pass
    examples, _ = examples_of(TokenStore(tmp_path / "heldout"), vocabulary)
    assert examples.count(0) == 0


def failed(objectives, clean, finished, vocabulary):
    return [
        check.name
        for check in objectives["capitalization"].audit(Evidence(clean, finished, Corruption(0, 0, vocabulary)))
        if not check.ok
    ]


def test_the_audit_finds_text_without_capitals(tmp_path, vocabulary, write_store):
    store = write_store(tmp_path / "train", [[(10, 0), (11, 0)]] * 4)
    examples, objectives = examples_of(store, vocabulary)
    checks = audit_dynamic(store, examples, objectives, vocabulary, epoch=0, limit=10)
    wrong = [check.name for check in checks if not check.ok]
    assert wrong == ["capitalization: all labels are alike (no capital anywhere, or everywhere)"]


@pytest.mark.parametrize(
    ("value", "at", "found"),
    [
        (1, "special", "capitalization: specials or padding with a label"),
        (IGNORED, "ordinary", "capitalization: ordinary pieces without one"),
        (2, "ordinary", "capitalization: labels outside 0 and 1"),
        (None, "ordinary", "capitalization: labels that differ from the data"),
    ],
)
def test_the_audit_finds_a_label_that_is_wrong(make_store, vocabulary, value, at, found):
    examples, objectives = examples_of(make_store(columns=["cased"]), vocabulary, seq_length=48)
    clean = examples.clean(0, np.arange(20))
    finished = examples.corrupt(0, clean)
    assert failed(objectives, clean, finished, vocabulary) == []
    labels = finished["capitalization_labels"].copy()
    row, position = np.argwhere(clean["special_tokens_mask"] == (at == "special"))[5]
    labels[row, position] = 1 - labels[row, position] if value is None else value
    assert found in failed(objectives, clean, finished | {"capitalization_labels": labels}, vocabulary)


def test_the_audit_reports_the_share_of_capitals(tmp_path, vocabulary, write_store):
    store = write_store(tmp_path / "train", [[(10, 1), (11, 0), (12, 0), (13, 0)]])
    examples, objectives = examples_of(store, vocabulary)
    checks = audit_dynamic(store, examples, objectives, vocabulary, epoch=0, limit=10)
    shares = {check.name: check.observed for check in checks}
    assert shares["capitalization: share of capitalised pieces"] == 0.25
