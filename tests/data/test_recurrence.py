"""Which tokens stand in their document outside of a run: worked out by hand, and by looking at every other token."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.data.recurrence import Recurrence
from bertcli.data.token_store import EncodedDocuments, TokenStore


@pytest.fixture(scope="session")
def write_store(store_writer):
    """One sentence a document."""

    def write(directory, documents, size=100):
        with store_writer(directory, size) as writer:
            for ids in documents:
                writer.add(EncodedDocuments(np.array(ids, np.int32), np.array([len(ids)]), np.array([1])))
        return TokenStore(directory)

    return write


def asked(store, *runs, **kept):
    return answers(Recurrence(store, **kept), runs)


def answers(recurrence, runs):
    starts, ends = (np.array(values, dtype=np.int64) for values in zip(*runs, strict=True))
    return recurrence.stand_elsewhere(starts, ends).astype(int).tolist()


def test_a_piece_stands_elsewhere_before_or_behind_the_run_but_not_within_it_or_in_other_documents(
    tmp_path, write_store
):
    store = write_store(tmp_path / "train", [[10, 11, 12, 12, 13, 10], [11, 13, 14]])
    assert asked(store, (0, 2)) == [1, 0]  # 10 comes again at the end; 11 in the other document alone
    assert asked(store, (2, 4)) == [0, 0]  # 12 twice, both in the run
    assert asked(store, (3, 6)) == [1, 0, 1]
    assert asked(store, (0, 6)) == [0] * 6
    assert asked(store, (6, 9)) == [0, 0, 0]


def test_runs_of_one_document_are_answered_each_for_itself_in_their_order(tmp_path, write_store):
    store = write_store(tmp_path / "train", [[10, 11], [20, 21, 20, 22], [30]])
    assert asked(store, (4, 6), (0, 1), (2, 4), (4, 5)) == [1, 0, 0, 1, 0, 1]


def test_no_runs_are_no_tokens(tmp_path, write_store):
    store = write_store(tmp_path / "train", [[10, 11]])
    empty = np.zeros(0, dtype=np.int64)
    assert len(Recurrence(store).stand_elsewhere(empty, empty)) == 0


@given(st.data())
@settings(max_examples=60)
def test_it_agrees_with_looking_at_every_token_of_the_document(write_store, tmp_path_factory, data):
    documents = data.draw(st.lists(st.lists(st.integers(5, 12), min_size=1, max_size=15), min_size=1, max_size=6))
    size = data.draw(st.sampled_from([100, 70_000]))
    store = write_store(tmp_path_factory.mktemp("store") / "train", documents, size)
    runs, expected = [], []
    for number in data.draw(st.lists(st.integers(0, len(documents) - 1), min_size=1, max_size=8)):
        document = documents[number]
        start = data.draw(st.integers(0, len(document) - 1))
        end = data.draw(st.integers(start + 1, len(document)))
        begin = int(store.document_starts[number])
        runs.append((begin + start, begin + end))
        outside = document[:start] + document[end:]
        expected += [int(piece in outside) for piece in document[start:end]]
    assert asked(store, *runs) == expected
    assert asked(store, *runs, kept_from=8) == expected
    recurrence = Recurrence(store, kept_from=1, bytes_kept=40)
    assert answers(recurrence, runs) == answers(recurrence, runs) == expected


def counted_documents(monkeypatch):
    read = []
    right = TokenStore.read
    monkeypatch.setattr(TokenStore, "read", lambda self, start, end: read.append(start) or right(self, start, end))
    return read


def test_long_documents_are_counted_once_while_there_is_room(tmp_path, monkeypatch, write_store):
    store = write_store(tmp_path / "train", [[10, 11, 10], [20, 21, 20], [30, 31, 30]])
    read = counted_documents(monkeypatch)
    recurrence = Recurrence(store, kept_from=3)
    for _ in range(3):
        assert answers(recurrence, [(0, 1), (3, 5), (6, 9)]) == [1, 1, 0, 0, 0, 0]
    assert read == [0, 3, 6]


def test_the_counts_not_asked_for_longest_make_room(tmp_path, monkeypatch, write_store):
    store = write_store(tmp_path / "train", [[10, 11, 10], [20, 21, 20], [30, 31, 30]])
    read = counted_documents(monkeypatch)
    recurrence = Recurrence(store, kept_from=3, bytes_kept=24)  # two documents: 2 * (2 + 4) bytes each
    for start in (0, 3, 0, 6, 0, 3):
        assert answers(recurrence, [(start, start + 2)]) == [1, 0]
    assert read == [0, 3, 6, 3]


def test_threads_that_ask_at_once_are_answered_alike(tmp_path, write_store):
    draw = np.random.default_rng(0)
    store = write_store(tmp_path / "train", draw.integers(5, 60, size=(40, 50)).tolist())
    runs = [[(50 * n + at, 50 * n + at + 9) for n in draw.permutation(40)[:5]] for at in draw.integers(0, 41, 200)]
    recurrence = Recurrence(store, kept_from=1, bytes_kept=2000)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda of_batch: answers(recurrence, of_batch), runs))
    assert found == [asked(store, *of_batch) for of_batch in runs]
    assert recurrence.bytes_kept <= 2000
