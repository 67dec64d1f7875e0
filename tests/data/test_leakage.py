import numpy as np
import pytest

from bertcli.data import documents
from bertcli.data.leakage import document_hashes, leakage_checks
from bertcli.data.token_store import TokenStore


@pytest.fixture
def store_of(tmp_path, one_document, store_writer):
    def make(name, *texts):
        with store_writer(tmp_path / name, 200) as writer:
            for text in texts:
                writer.add(one_document([text]))
        return TokenStore(tmp_path / name)

    return make


def test_a_held_out_document_with_the_pieces_of_a_training_document_is_counted(store_of):
    training = store_of("train", [5, 6, 7], [7, 6, 5], [5, 6, 7], [8])
    held_out = store_of("heldout", [5, 6], [7, 6, 5], [9, 10, 11])
    leaked, repeated = leakage_checks(training, held_out)
    assert (leaked.name, leaked.observed, leaked.expected, leaked.ok) == (
        "held-out documents that are also in training",
        1,
        0,
        False,
    )
    assert (repeated.observed, repeated.ok) == (0.25, True)


def test_documents_that_share_no_text_do_not_leak(store_of):
    leaked, _ = leakage_checks(store_of("train", [5, 6, 7], [8]), store_of("heldout", [5, 6], [6, 7]))
    assert leaked.ok


def test_without_held_out_documents_only_repeated_ones_are_told(store_of):
    (repeated,) = leakage_checks(store_of("train", [5], [5]), store_of("heldout"))
    assert repeated.observed == 0.5


def test_hashes_do_not_depend_on_how_documents_are_read(make_store, monkeypatch):
    store = make_store()
    whole = document_hashes(store)
    assert len(np.unique(whole)) == store.documents
    monkeypatch.setattr(documents, "_TOKENS_PER_BLOCK", 100)
    blocks = list(documents.document_blocks(store))
    assert len(blocks) > 10
    assert sum(len(block.ids) for block in blocks) == store.tokens
    assert np.array_equal(document_hashes(store), whole)
