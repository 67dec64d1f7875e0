"""Words and their pieces: the first piece of each word is where the whole text's encoding has it, for every tokenizer.

The reference is the library itself: the pieces of a word are those by which the encoding of the text grows when the
word joins it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, trainers

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.task import Examples, Limits
from bertcli.data.bucketing import BucketedBatches
from bertcli.data.word_features import WORD_POSITIONS, encode_words, labels_of_pieces
from bertcli.tasks.tagging import Tagging, TaggingSettings
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.vocabulary_files import ROLES

TEXTS = [
    "The captain's ship hasn't left; they're sure we'll see 12 gulls & 3,456 waves... it's 'quoted' text!",
    "naïve café, Größe, русский текст, 中文字符 — emoji 👍👩 and “quotes”, low lower lowest newer newest",
] * 4
USUAL = {"special_tokens": list(SPECIALS), "show_progress": False}


def made(model, trainer, pre_tokenizer, normalizer=None) -> Tokenizer:
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.train_from_iterator(TEXTS, trainer)
    return Tokenizer(backend, specials=ROLES, path=None, config={})


@cache
def wordpiece() -> Tokenizer:
    trainer = trainers.WordPieceTrainer(vocab_size=150, **USUAL)
    cleaning = normalizers.BertNormalizer()
    return made(models.WordPiece(unk_token="[UNK]"), trainer, pre_tokenizers.BertPreTokenizer(), cleaning)


@cache
def bpe() -> Tokenizer:
    trainer = trainers.BpeTrainer(vocab_size=150, end_of_word_suffix="</w>", **USUAL)
    model = models.BPE(unk_token="[UNK]", end_of_word_suffix="</w>")
    return made(model, trainer, pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer())


@cache
def byte_level(*, add_prefix_space: bool) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, **USUAL)
    return made(models.BPE(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space))


@cache
def metaspace(scheme: str) -> Tokenizer:
    trainer = trainers.UnigramTrainer(vocab_size=120, unk_token="[UNK]", **USUAL)
    return made(models.Unigram(), trainer, pre_tokenizers.Metaspace(prepend_scheme=scheme))


@cache
def prepended() -> Tokenizer:
    """As Llama's: the first word gets its mark from the normalizer."""
    trainer = trainers.BpeTrainer(vocab_size=160, **USUAL)
    marks = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    splits = pre_tokenizers.Split("▁", "merged_with_next")
    return made(models.BPE(unk_token="[UNK]"), trainer, splits, marks)


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "wordpiece": wordpiece,
    "bpe": bpe,
    "bytes": lambda: byte_level(add_prefix_space=False),
    "bytes with a first space": lambda: byte_level(add_prefix_space=True),
    "metaspace": lambda: metaspace("always"),
    "metaspace before the first": lambda: metaspace("first"),
    "metaspace between": lambda: metaspace("never"),
    "prepended": prepended,
}

# No white space: it would part a word in two where the text is encoded as one. Everything else is a word, also marks
# alone, parts of emoji and characters of which a tokenizer leaves nothing.
ODD = "aé\u0301ßяى中한ｶﾞ👍🏽\u200d👩\u200b\ufeff\u00ad\ue000½²'’-_.▁Ġ#[]</w>"
WORD = st.text(
    st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"])),
    min_size=1,
    max_size=6,
).filter(lambda word: "▁" not in word)
SENTENCE = st.lists(st.one_of(WORD, st.sampled_from(["low", "newest", "[SEP]", "don't", "\u200b", "##er"])), min_size=1)


def pieces_of_words(tokenizer: Tokenizer, words: Sequence[str]) -> list[list[int]]:
    texts = [" ".join(words[:count]) for count in range(len(words) + 1)]
    encoded = [ids.tolist() for ids in tokenizer.encode(texts)]
    encoded[0] = []
    grown = [encoded[at + 1][len(encoded[at]) :] for at in range(len(words))]
    assert [piece for word in grown for piece in word] == encoded[-1]  # no word changes those before it
    return [word or [tokenizer.vocabulary.unk_id] for word in grown]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(sentences=st.lists(SENTENCE, min_size=1, max_size=3))
@example(sentences=[["\u200b", "low", "\u200b", "\u200d"], ["\ufeff"]])
@example(sentences=[["\u0301", "e", "\u0301e"]])
def test_pieces_and_first_positions_are_those_of_the_text(kind: str, sentences: list[list[str]]) -> None:
    tokenizer = KINDS[kind]()
    features = encode_words(sentences, tokenizer, max_length=10_000)
    vocabulary = tokenizer.vocabulary
    ids: list[int] = []
    places: list[int] = []
    for words in sentences:
        ids.append(vocabulary.cls_id)
        for pieces in pieces_of_words(tokenizer, words):
            places.append(len(ids))
            ids += pieces
        ids.append(vocabulary.sep_id)
    assert features.input_ids.tolist() == ids
    assert features.notes[WORD_POSITIONS].tolist() == places
    assert features.examples.tolist() == list(range(len(sentences)))
    assert not features.lost.any()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(sentences=st.lists(SENTENCE, min_size=1, max_size=3), max_length=st.integers(4, 30))
def test_every_word_is_labelled_once_whatever_the_length(
    kind: str, sentences: list[list[str]], max_length: int
) -> None:
    tokenizer = KINDS[kind]()
    whole = encode_words(sentences, tokenizer, max_length=10_000)
    features = encode_words(sentences, tokenizer, max_length=max_length)
    count = sum(map(len, sentences))
    places, whole_places = features.notes[WORD_POSITIONS], whole.notes[WORD_POSITIONS]
    assert len(places) == len(np.unique(places)) == count
    assert features.input_ids[places].tolist() == whole.input_ids[whole_places].tolist()
    assert np.diff(features.offsets).max() <= max_length
    sequence_of = np.searchsorted(features.offsets, places, side="right") - 1
    assert np.repeat(np.arange(len(sentences)), [*map(len, sentences)]).tolist() == (
        features.examples[sequence_of].tolist()
    )
    lengths = np.asarray([len(word) for words in sentences for word in pieces_of_words(tokenizer, words)])
    assert features.lost.sum() == np.maximum(lengths - (max_length - 2), 0).sum()
    assert labels_of_pieces(features, np.arange(count))[places].tolist() == list(range(count))
    assert (labels_of_pieces(features, np.arange(count)) != IGNORED).sum() == count


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40)
@given(sentences=st.lists(SENTENCE, min_size=1, max_size=3), max_length=st.integers(4, 30), data=st.data())
def test_gold_tags_come_back_from_padded_batches(
    kind: str, sentences: list[list[str]], max_length: int, data: st.DataObject
) -> None:
    tags = ["O", "B-a", "I-a", "B-b", "I-b"]
    gold = [data.draw(st.lists(st.sampled_from(tags), min_size=len(words), max_size=len(words))) for words in sentences]
    rows = range(len(sentences))
    lines = [[1] * len(words) for words in sentences]
    columns = {"tokens": sentences, "label": gold, "token_lines": lines}
    examples = Examples("train", list(map(str, rows)), columns, ["t"] * len(sentences), list(rows))
    task = Tagging(TaggingSettings(labels=tags, scheme="iob2")).fit(replace(examples, columns={"label": [tags]}))
    tokenizer = KINDS[kind]()
    features = task.encode(examples, tokenizer, Limits(max_length))
    outputs: list[Any] = [None] * features.items
    for items, batch in BucketedBatches(features, tokenizer.vocabulary.pad_id, task.count).evaluation(batch_size=2):
        lengths = features.lengths()[items].tolist()
        for item, labels, length in zip(items.tolist(), batch["labels"], lengths, strict=True):
            outputs[item] = np.eye(len(tags), dtype=np.float32)[np.where(labels == IGNORED, item % 5, labels)][:length]
    found = task.decode(examples, features, outputs)
    assert [prediction.pred for prediction in found] == gold
    assert [list(prediction.words) for prediction in found] == sentences
