import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.data import token_store
from bertcli.data.token_columns import TokenColumns
from bertcli.data.token_store import EncodedDocuments, TokenStore
from bertcli.errors import DataError
from bertcli.text.word_cache import EncodedTexts


def one_document(sentences):
    encoded = EncodedTexts.of([np.array(sentence, dtype=np.int32) for sentence in sentences])
    return EncodedDocuments.of(encoded, np.array([len(sentences)]))


DOCUMENTS = st.lists(st.lists(st.lists(st.integers(5, 99), max_size=8), max_size=5), max_size=12)


@given(DOCUMENTS)
@settings(max_examples=30, deadline=None)
def test_what_was_written_is_read(store_writer, tmp_path_factory, documents):
    directory = tmp_path_factory.mktemp("store") / "train"
    with store_writer(directory, 100) as writer:
        for document in documents:
            writer.add(one_document(document))
    expected = [[s for s in document if s] for document in documents]
    expected = [document for document in expected if document]
    store = TokenStore(directory)
    assert store.documents == len(expected) == writer.documents
    for number, document in enumerate(expected):
        start, end = store.document_starts[number : number + 2]
        assert store.read(start, end).tolist() == [piece for sentence in document for piece in sentence]
        first, last = store.sentence_starts[number : number + 2]
        assert (store.sentence_ends[first:last] - start).tolist() == np.cumsum([len(s) for s in document]).tolist()


def test_documents_are_found_across_record_batches(tmp_path, monkeypatch, store_writer):
    monkeypatch.setattr(token_store, "_TOKENS_PER_RECORD_BATCH", 10)
    with store_writer(tmp_path / "train", 1000) as writer:
        texts = [np.arange(n, n + 1 + n % 7, dtype=np.int32) for n in range(60)]
        for text in texts:
            writer.add(one_document([text]))
    store = TokenStore(tmp_path / "train")
    for number, text in enumerate(texts):
        assert store.read(*store.document_starts[number : number + 2]).tolist() == text.tolist()


@pytest.mark.parametrize(("size", "dtype"), [(65_536, np.uint16), (65_537, np.int32)])
def test_ids_take_two_bytes_where_the_vocabulary_allows(tmp_path, size, dtype, store_writer):
    with store_writer(tmp_path / "train", size) as writer:
        writer.add(one_document([[size - 1]]))
    ids = TokenStore(tmp_path / "train").read(0, 1)
    assert ids.dtype == dtype
    assert ids[0] == size - 1


def flags(store, begin, end):
    return store.gather("word_starts", np.array([begin]), np.array([end])).tolist()


FLAGGED = st.lists(st.lists(st.lists(st.tuples(st.integers(5, 99), st.booleans()), max_size=8), max_size=5), max_size=9)


def with_word_starts(sentences):
    ids = EncodedTexts.of([np.array([number for number, _ in sentence], dtype=np.int32) for sentence in sentences])
    starts = np.array([starts for sentence in sentences for _, starts in sentence], dtype=np.bool_)
    return EncodedDocuments.of(EncodedTexts(ids.ids, ids.ends, starts), np.array([len(sentences)]))


@given(FLAGGED, st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_where_words_begin_is_read_as_it_was_written(store_writer, tmp_path_factory, documents, tokens_per_batch):
    directory = tmp_path_factory.mktemp("store") / "train"
    with store_writer(directory, 100, columns=["word_starts"]) as writer, pytest.MonkeyPatch.context() as patch:
        patch.setattr(token_store, "_TOKENS_PER_RECORD_BATCH", tokens_per_batch)
        for document in documents:
            writer.add(with_word_starts(document))
    flat = [[starts for sentence in document for _, starts in sentence] for document in documents]
    expected = [starts for starts in flat if starts]
    store = TokenStore(directory)
    assert store.columns == {"word_starts"}
    assert writer.counts()["words"] == sum(map(sum, expected))
    for number, starts in enumerate(expected):
        begin, end = store.document_starts[number : number + 2]
        assert flags(store, begin, end) == starts
        assert flags(store, begin, begin + 1) == starts[:1]
        assert flags(store, end - 1, end) == starts[-1:]
    if expected:
        assert flags(store, 0, store.document_starts[1]) == expected[0]
        runs = store.gather("word_starts", store.document_starts[:-1], store.document_starts[1:])
        assert runs.tolist() == [value for starts in expected for value in starts]
    assert [len(store.read(*store.document_starts[n : n + 2])) for n in range(store.documents)] == list(
        map(len, expected)
    )


def test_flags_go_with_the_documents_that_are_chosen():
    encoded = EncodedTexts(
        np.array([5, 6, 7, 8], np.int32), np.array([1, 2, 4]), np.array([True, True, False, True], np.bool_)
    )
    documents = EncodedDocuments.of(encoded, np.array([2, 1]))
    chosen = documents.where(np.array([False, True]))
    assert (chosen.ids.tolist(), chosen.columns["word_starts"].tolist()) == ([7, 8], [False, True])


def test_a_store_without_them_says_how_to_get_them(tmp_path, store_writer):
    with store_writer(tmp_path / "train", 100) as writer:
        writer.add(one_document([[5, 6]]))
    assert writer.counts() == {"documents": 1, "sentences": 1, "tokens": 2}
    store = TokenStore(tmp_path / "train")
    assert not store.columns
    with pytest.raises(DataError, match="these data do not tell where words begin") as error:
        TokenColumns(frozenset({"word_starts"}), store, None)
    assert error.value.hint == "build them again with `bertcli mask build CORPUS --words spaces` (or jieba)"
