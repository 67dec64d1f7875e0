"""What a store keeps of every piece: the columns that each process of a build makes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, trainers

from bertcli.data.chunk_encoding import ChunkEncoder, EncodedChunk, Keeping
from bertcli.data.token_store import ShardWriter, store_schema
from bertcli.text.phrases import PhraseFinder
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import wordpiece_tokenizer
from bertcli.text.vocabulary_files import ROLES
from bertcli.text.word_list import ListedWords

PIECES = [*SPECIALS, *"abcdefghijklmnopqrstuvwxyz.,中文", *(f"##{letter}" for letter in "abdeghiknoprtwy"), "new"]
TEXTS = ["The ship left New York. It came to the bay, and the crew sang.", "A b c. D e f!"] * 5


@cache
def wordpiece() -> Tokenizer:
    return wordpiece_tokenizer(PIECES, lowercase=True)


@cache
def byte_level() -> Tokenizer:
    backend = tokenizers.Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        TEXTS,
        trainers.BpeTrainer(
            vocab_size=320, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False
        ),
    )
    return Tokenizer(backend, specials=ROLES, path=None, config={})


@cache
def metaspace(scheme: str) -> Tokenizer:
    backend = tokenizers.Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=scheme)
    trainer = trainers.UnigramTrainer(
        vocab_size=60, special_tokens=list(SPECIALS), unk_token="[UNK]", show_progress=False
    )
    backend.train_from_iterator(TEXTS, trainer)
    return Tokenizer(backend, specials=ROLES, path=None, config={})


def encoded(tokenizer: Tokenizer, *documents: tuple, **keeping) -> EncodedChunk:
    """Documents as (text, spans), none held out."""
    chunk = [(False, text, tuple(spans)) for text, *spans in documents]
    return ChunkEncoder(tokenizer, "split", Keeping(**keeping))(chunk)


def shown(tokenizer: Tokenizer, chunk: EncodedChunk, column: str) -> str:
    values = chunk.documents.columns[column].tolist()
    return " ".join(
        f"{piece}{int(value) or ''}" for piece, value in zip(tokenizer.pieces(chunk.documents.ids), values, strict=True)
    )


def test_spans_are_found_in_sentences_that_lost_the_white_space_around_them():
    text = "  A b.\n\n  New york\tis new.   C d. "
    spans = [(2, 3), (text.index("New"), text.index("New") + 8), (text.index("C d"), text.index("C d") + 4)]
    chunk = encoded(wordpiece(), (text, *spans), ("a new b", (2, 5)), ("a b",), spans=True)
    assert chunk.documents.sentence_lengths.tolist() == [3, 8, 3, 3, 2]
    assert shown(wordpiece(), chunk, "spans") == "a1 b . new1 y2 ##o2 ##r2 ##k2 [UNK] new . c1 d2 .2 a new1 b a b"


def test_a_span_that_crosses_the_end_of_a_sentence_is_cut_there_and_parts_of_words_are_widened():
    text = "A bad. New dog."
    chunk = encoded(wordpiece(), (text, (3, 9)), spans=True)
    assert shown(wordpiece(), chunk, "spans") == "a b1 ##a2 ##d2 .2 new1 d ##o ##g ."


def test_spans_of_the_corpus_come_before_phrases(tmp_path: Path):
    (tmp_path / "p").write_text("b c d\nnew york\nc d")
    finder = PhraseFinder.of(tmp_path / "p", wordpiece())
    chunk = encoded(wordpiece(), ("a b c d. New york", (2, 3)), ("b c d",), spans=True, phrases=finder)
    assert shown(wordpiece(), chunk, "spans") == "a b1 c1 d2 . new1 y2 ##o2 ##r2 ##k2 b1 c2 d2"


def test_what_is_kept_is_counted_for_each_file(tmp_path: Path):
    keeping = Keeping(capitals=True, spans=True)
    chunk = [(False, "A b 中", ((0, 1),)), (True, "C 中文 d C", ((0, 4), (5, 6)))]
    documents = ChunkEncoder(wordpiece(), "split", keeping)(chunk).documents
    schema = store_schema(100, keeping.columns)
    with ShardWriter(tmp_path / "a", schema) as first, ShardWriter(tmp_path / "b", schema) as second:
        first.add(documents.where(np.array([True, False])))
        second.add(documents.where(np.array([False, True])))
    assert first.counts() == {"documents": 1, "sentences": 1, "tokens": 3} | {
        "cased": 1,
        "spans": 1,
        "tokens_in_spans": 1,
    }
    assert second.counts() == {"documents": 1, "sentences": 1, "tokens": 5} | {
        "cased": 2,
        "spans": 2,
        "tokens_in_spans": 4,
    }


def test_with_words_of_chinese_spans_are_of_these_words(tmp_path: Path):
    (tmp_path / "w").write_text("中文", encoding="utf-8")
    chunk = encoded(wordpiece(), ("a中文b", (2, 3)), words="w", listed=ListedWords(tmp_path / "w"), spans=True)
    assert shown(wordpiece(), chunk, "spans") == "a 中1 文2 b"
    assert shown(wordpiece(), encoded(wordpiece(), ("a中文b", (2, 3)), spans=True), "spans") == "a 中 文1 b"


TEXT = st.text(alphabet="abn ew.中文\n!AÉ\u0301\x00\u00a0", max_size=40)


@settings(max_examples=25, deadline=None)
@given(texts=st.lists(TEXT, min_size=1, max_size=3), data=st.data())
@pytest.mark.parametrize("make", [wordpiece, byte_level, lambda: metaspace("first")])
def test_columns_change_no_id(make, texts, data):
    tokenizer = make()
    documents = []
    for text in texts:
        places = sorted(data.draw(st.lists(st.integers(0, len(text)), unique=True, max_size=6)))
        documents.append((text, *zip(places[::2], places[1::2], strict=False)))
    plain = encoded(tokenizer, *documents)
    chunk = encoded(tokenizer, *documents, spans=True, capitals=tokenizer.vocabulary.lowercase)
    assert chunk.documents.ids.tolist() == plain.documents.ids.tolist()
    assert chunk.documents.sentence_lengths.tolist() == plain.documents.sentence_lengths.tolist()
    assert all(len(values) == len(plain.documents.ids) for values in chunk.documents.columns.values())
    ids = [number for text in texts for number in tokenizer.encode_with_offsets(text)[0]]
    if tokenizer.cuts_as_bert:
        assert ids == plain.documents.ids.tolist()


@pytest.mark.parametrize("make", [byte_level, lambda: metaspace("first"), lambda: metaspace("always")])
@settings(max_examples=50, deadline=None)
@given(sentences=st.lists(st.text("abcdnewY", min_size=1, max_size=8).map("A{}.".format), min_size=1, max_size=4))
def test_sentences_after_a_space_are_cut_as_in_the_whole_document(make, sentences):
    text = " ".join(sentences)
    chunk = encoded(make(), (text,))
    assert len(chunk.documents.sentence_lengths) == len(sentences)
    assert chunk.documents.ids.tolist() == make().encode([text])[0].tolist()


def test_sentences_without_white_space_between_them_get_none():
    text = "中文。中文。 中文。"
    chunk = encoded(byte_level(), (text,))
    assert len(chunk.documents.sentence_lengths) == 3
    assert chunk.documents.ids.tolist() == byte_level().encode([text])[0].tolist()


def test_spans_of_byte_level_pieces_have_the_space_before_them():
    chunk = encoded(byte_level(), ("The ship. The crew sang.", (4, 8), (10, 13), (15, 16), (18, 19)), spans=True)
    text = ""
    for piece, mark in zip(byte_level().pieces(chunk.documents.ids), chunk.documents.columns["spans"], strict=True):
        text += {0: "", 1: "|", 2: ""}[int(mark)] + (piece if mark else ".")
    assert text.replace(".", "") == "|Ġship|ĠThe|Ġcrew"
    assert text.startswith(".") and text.endswith(".")


def test_capitals_of_a_vocabulary_that_does_not_cut_as_bert():
    chunk = encoded(metaspace("first"), ("The ship left New York. It came",), capitals=True)
    pieces = metaspace("first").pieces(chunk.documents.ids[chunk.documents.columns["cased"]])
    assert "".join(pieces) == "▁the▁new▁york.▁it"
