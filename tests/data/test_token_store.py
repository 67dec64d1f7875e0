import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bertcli.data import token_store
from bertcli.data.token_store import EncodedDocuments, TokenStore, TokenStoreWriter
from bertcli.text.word_cache import EncodedTexts


def one_document(sentences):
    encoded = EncodedTexts.of([np.array(sentence, dtype=np.int32) for sentence in sentences])
    return EncodedDocuments.of(encoded, np.array([len(sentences)]))


DOCUMENTS = st.lists(st.lists(st.lists(st.integers(5, 99), max_size=8), max_size=5), max_size=12)


@given(DOCUMENTS)
@settings(max_examples=30, deadline=None)
def test_what_was_written_is_read(tmp_path_factory, documents):
    directory = tmp_path_factory.mktemp("store") / "train"
    with TokenStoreWriter(directory, 100) as writer:
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


def test_documents_are_found_across_record_batches(tmp_path, monkeypatch):
    monkeypatch.setattr(token_store, "_TOKENS_PER_RECORD_BATCH", 10)
    with TokenStoreWriter(tmp_path / "train", 1000) as writer:
        texts = [np.arange(n, n + 1 + n % 7, dtype=np.int32) for n in range(60)]
        for text in texts:
            writer.add(one_document([text]))
    store = TokenStore(tmp_path / "train")
    for number, text in enumerate(texts):
        assert store.read(*store.document_starts[number : number + 2]).tolist() == text.tolist()


@pytest.mark.parametrize(("size", "dtype"), [(65_536, np.uint16), (65_537, np.int32)])
def test_ids_take_two_bytes_where_the_vocabulary_allows(tmp_path, size, dtype):
    with TokenStoreWriter(tmp_path / "train", size) as writer:
        writer.add(one_document([[size - 1]]))
    ids = TokenStore(tmp_path / "train").read(0, 1)
    assert ids.dtype == dtype
    assert ids[0] == size - 1
