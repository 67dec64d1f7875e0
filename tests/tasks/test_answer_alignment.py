"""Answers and pieces: what the labels of an answer decode to is the answer, for every tokenizer and in every window."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, normalizers, pre_tokenizers, trainers

from bertcli.contracts.task import Examples, Limits
from bertcli.tasks.question_answering import QuestionAnswering, QuestionAnsweringSettings
from bertcli.text.pieces import SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.vocabulary_files import ROLES

TEXTS = [
    "The captain's ship hasn't left; they're sure we'll see 12 gulls & 3,456 waves... it's 'quoted' text!",
    "naïve café, Größe, русский текст, 中文字符 — emoji 👍👩 and “quotes”, low lower lowest newer newest",
] * 4
USUAL: dict[str, Any] = {"special_tokens": list(SPECIALS), "show_progress": False}


def made(model: Any, trainer: Any, pre_tokenizer: Any, normalizer: Any = None) -> Tokenizer:
    backend = tokenizers.Tokenizer(model)
    backend.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        backend.normalizer = normalizer
    backend.train_from_iterator(TEXTS, trainer)
    return Tokenizer(backend, specials=ROLES, path=None, config={})


@cache
def wordpiece() -> Tokenizer:
    trainer = trainers.WordPieceTrainer(vocab_size=150, **USUAL)
    model = models.WordPiece(unk_token="[UNK]")
    return made(model, trainer, pre_tokenizers.BertPreTokenizer(), normalizers.BertNormalizer())


@cache
def byte_level(*, add_prefix_space: bool) -> Tokenizer:
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, **USUAL)
    return made(models.BPE(), trainer, pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space))


@cache
def metaspace() -> Tokenizer:
    trainer = trainers.UnigramTrainer(vocab_size=120, unk_token="[UNK]", **USUAL)
    return made(models.Unigram(), trainer, pre_tokenizers.Metaspace())


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "wordpiece": wordpiece,
    "bytes": lambda: byte_level(add_prefix_space=False),
    "bytes with a first space": lambda: byte_level(add_prefix_space=True),
    "metaspace": metaspace,
}

WORDS = st.lists(
    st.one_of(
        st.text("aéßя中한👍½'-.,", min_size=1, max_size=5), st.sampled_from(["low", "newest", "[SEP]", "don't", "##er"])
    ),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(words=WORDS, space=st.sampled_from([" ", "  ", "\n"]), data=st.data())
def test_the_labels_of_an_answer_decode_to_it(kind: str, words: list[str], space: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    if kind == "metaspace" and space == "\n":
        space = " "  # a line feed parts no words for it
    context = space.join(words)
    begin = len(space.join([*words[:first], ""]))
    answer = space.join(words[first : last + 1])
    task = QuestionAnswering(QuestionAnsweringSettings(max_answer=10_000))
    columns = {"question": ["who ?"], "context": [context], "impossible": [None], "label": [((answer, begin),)]}
    examples = Examples("dev", ["q"], columns, ["t"], [1])
    assert list(task.faults(examples)) == []
    whole = task.encode(examples, KINDS[kind](), Limits(10_000))
    (found,) = task.decode(examples, whole, gold_logits(whole.item_columns, whole.lengths()))
    assert found.pred == answer
    in_windows = task.encode(examples, KINDS[kind](), Limits(48))
    columns = in_windows.item_columns
    (found,) = task.decode(examples, in_windows, gold_logits(columns, in_windows.lengths()))
    # A window has room for at least 25 pieces: an answer of up to a half of that lies within the window of its start.
    if int((columns["end_positions"] - columns["start_positions"]).max()) < 6 and columns["start_positions"].max() > 0:
        assert found.pred == answer


def gold_logits(columns: Any, lengths: Any) -> list[Any]:
    """Certain of the right pieces in the windows that hold the answer, and of nothing in the others."""
    outputs = []
    for length, start, end in zip(lengths, columns["start_positions"], columns["end_positions"], strict=True):
        logits = np.zeros((length, 2), dtype=np.float32)
        if start > 0:
            logits[start, 0] = logits[end, 1] = 9
        outputs.append(logits)
    return outputs
