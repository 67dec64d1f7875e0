"""Encoding of one chunk of documents after the other: what every process of a build does."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from bertcli.data.token_store import WORD_STARTS, EncodedDocuments
from bertcli.text.chinese_words import JiebaWords, Words, split_spaced_sentences
from bertcli.text.sentences import SENTENCES, Sentences
from bertcli.text.tokenizer import Tokenizer


def kept_columns(words: Words) -> tuple[str, ...]:
    """The optional columns that a store of such a build has."""
    return () if words == "none" else (WORD_STARTS,)


@dataclass(frozen=True)
class EncodedChunk:
    """Some documents in pieces; ``held_out`` is (documents,) 0 or 1."""

    documents: EncodedDocuments
    held_out: NDArray[np.int64]
    unknown: int
    characters: int
    ideographs: int = 0
    chinese_words: int = 0


class ChunkEncoder:
    """Sentences and pieces of one chunk of documents after the other."""

    def __init__(self, tokenizer: Tokenizer, sentences: Sentences, words: Words) -> None:
        self._tokenizer = tokenizer
        is_spaced = words == "spaces" and sentences == "split"
        self._sentences_of = split_spaced_sentences if is_spaced else SENTENCES[sentences]
        self._encode = tokenizer.encode_all if words == "none" else tokenizer.encode_with_word_starts
        self._with_spaces = JiebaWords() if words == "jieba" else None

    def __call__(self, chunk: list[tuple[bool, str]]) -> EncodedChunk:
        """The pieces of documents, given as whether each is held out, and its text."""
        groups = [self._sentences_of(text) for _, text in chunk]
        texts = list(chain.from_iterable(groups))
        encoded = self._encode(texts if self._with_spaces is None else list(map(self._with_spaces, texts)))
        ideographs = chinese_words = 0
        if encoded.word_starts is not None:
            of_pieces = self._tokenizer.ideographs[encoded.ids]
            ideographs, chinese_words = int(of_pieces.sum()), int(((of_pieces > 0) & encoded.word_starts).sum())
        return EncodedChunk(
            EncodedDocuments.of(encoded, np.fromiter(map(len, groups), np.int64, len(groups))),
            np.fromiter((is_held_out for is_held_out, _ in chunk), np.int64, len(chunk)),
            unknown=int((encoded.ids == self._tokenizer.vocabulary.unk_id).sum()),
            characters=sum(len(text) for _, text in chunk),
            ideographs=ideographs,
            chinese_words=chinese_words,
        )
