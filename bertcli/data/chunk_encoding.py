"""Encoding of one chunk of documents after the other: what every process of a build does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.data.token_store import CASED, SPANS, WORD_STARTS, EncodedDocuments
from bertcli.text.capitals import capitals_of
from bertcli.text.chinese_words import split_spaced_sentences, word_finder
from bertcli.text.phrases import PhraseFinder
from bertcli.text.sentence_blocks import split_all
from bertcli.text.sentences import SENTENCES, Sentences
from bertcli.text.spans import Spans, mark_spans, places_of, within
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.word_boundaries import WordBoundaries
from bertcli.text.word_cache import EncodedTexts
from bertcli.text.word_list import ListedWords


@dataclass(frozen=True)
class Keeping:
    """What a store keeps of every piece beside its id."""

    words: str = "none"
    """Where words of Chinese begin; see ``text/chinese_words.py``."""
    listed: ListedWords | None = None
    """The words of a list, where ``words`` is one: a process on another machine may not have the file."""
    capitals: bool = False
    """Which words had a capital before they were lower-cased."""
    spans: bool = False
    """The spans that documents have."""
    phrases: PhraseFinder | None = None
    """Phrases of a list, where no span of the document is."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The optional columns of such a store."""
        asked = {WORD_STARTS: self.words != "none", CASED: self.capitals, SPANS: self.marks_spans}
        return tuple(name for name, is_asked in asked.items() if is_asked)

    @property
    def marks_spans(self) -> bool:
        """Whether spans are kept, from wherever they are."""
        return self.spans or self.phrases is not None


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

    def __init__(self, tokenizer: Tokenizer, sentences: Sentences, keeping: Keeping) -> None:
        self._tokenizer = tokenizer
        self._keeping = keeping
        is_spaced = keeping.words == "spaces" and sentences == "split"
        self._sentences_of = split_spaced_sentences if is_spaced else SENTENCES[sentences]
        self._splits_plainly = sentences == "split" and not is_spaced
        self._with_spaces = keeping.listed or word_finder(keeping.words)
        self._keeps_ids_alone = not keeping.columns and not self._with_spaces and tokenizer.cuts_as_bert
        needs_words = keeping.marks_spans or (keeping.capitals and not tokenizer.cuts_as_bert)
        self._boundaries = WordBoundaries.of(tokenizer) if needs_words else None

    def __call__(self, chunk: list[tuple[bool, str, Spans]]) -> EncodedChunk:
        """The pieces of documents, given as whether each is held out, its text and its spans."""
        documents = [text for _, text, _ in chunk]
        block = split_all(documents) if self._splits_plainly else None
        if block is not None and self._keeps_ids_alone:
            encoded = self._tokenizer.encode_utf8(block.data, block.starts)
            return self._encoded(chunk, encoded, block.counts, {})
        texts, sentences = self._split(documents) if block is None else (block.texts(), block.counts)
        groups: list[list[str]] = []
        if self._tokenizer.reads_spaces or self._keeping.marks_spans:
            groups = [texts[begin:end] for begin, end in pairwise([0, *np.cumsum(sentences).tolist()])]
        if self._tokenizer.reads_spaces:
            texts = [text for group, (_, whole, _) in zip(groups, chunk, strict=True) for text in _spaced(group, whole)]
        encoded = self._encode(texts)
        columns: dict[str, NDArray[Any]] = dict(encoded.columns)
        if self._boundaries is not None:
            word_starts = self._word_starts(encoded, self._boundaries)
            if self._keeping.capitals and CASED not in columns:
                columns[CASED] = self._cased(texts, encoded, word_starts)
            if self._keeping.marks_spans:
                columns[SPANS] = self._spans(chunk, groups, texts, encoded, word_starts)
        return self._encoded(chunk, encoded, sentences, columns)

    def _encoded(
        self,
        chunk: list[tuple[bool, str, Spans]],
        encoded: EncodedTexts,
        sentences: NDArray[np.int64],
        columns: dict[str, NDArray[Any]],
    ) -> EncodedChunk:
        ideographs = chinese_words = 0
        if encoded.word_starts is not None:
            of_pieces = self._tokenizer.ideographs[encoded.ids]
            ideographs, chinese_words = int(of_pieces.sum()), int(((of_pieces > 0) & encoded.word_starts).sum())
        held_out = np.fromiter((is_held_out for is_held_out, _, _ in chunk), np.int64, len(chunk))
        return EncodedChunk(
            replace(EncodedDocuments.of(encoded, sentences), columns=columns),
            held_out,
            unknown=int((encoded.ids == self._tokenizer.vocabulary.unk_id).sum()),
            characters=sum(len(text) for _, text, _ in chunk),
            ideographs=ideographs,
            chinese_words=chinese_words,
        )

    def _split(self, documents: list[str]) -> tuple[list[str], NDArray[np.int64]]:
        """The sentences of all documents, and (documents,) how many each has."""
        groups = [self._sentences_of(text) for text in documents]
        return list(chain.from_iterable(groups)), np.fromiter(map(len, groups), np.int64, len(groups))

    def _encode(self, texts: list[str]) -> EncodedTexts:
        if self._with_spaces is not None:
            texts = list(map(self._with_spaces, texts))
        tokenizer, keeping = self._tokenizer, self._keeping
        word_starts, capitals = keeping.words != "none", keeping.capitals and tokenizer.cuts_as_bert
        if not word_starts and not capitals:
            return tokenizer.encode_all(texts)
        return tokenizer.encode_with(texts, word_starts=word_starts, capitals=capitals)

    def _word_starts(self, encoded: EncodedTexts, boundaries: WordBoundaries) -> NDArray[np.bool_]:
        """(pieces,) where words begin that spans consist of: those that the store will tell of."""
        if encoded.word_starts is not None:
            return encoded.word_starts
        starts: NDArray[np.bool_] = boundaries.starts(encoded.ids[None])[0]
        starts[encoded.ends[encoded.ends < len(starts)]] = True
        return starts

    def _cased(self, texts: list[str], encoded: EncodedTexts, word_starts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        cased = np.zeros(len(encoded.ids), np.bool_)
        bounds = pairwise([0, *encoded.ends.tolist()])
        for text, offsets, (begin, end) in zip(texts, self._tokenizer.offsets(texts), bounds, strict=True):
            cased[begin:end] = capitals_of(text, offsets, word_starts[begin:end])
        return cased

    def _spans(
        self,
        chunk: list[tuple[bool, str, Spans]],
        groups: list[list[str]],
        texts: list[str],
        encoded: EncodedTexts,
        word_starts: NDArray[np.bool_],
    ) -> NDArray[np.uint8]:
        """(pieces,) the spans of the documents, and where there is none the phrases of the list."""
        marks = np.zeros(len(encoded.ids), np.uint8)
        found: dict[int, Spans] = {}
        number = 0
        for group, (_, whole, spans) in zip(groups, chunk, strict=True):
            if spans:
                for sentence, place in enumerate(places_of(group, whole), start=number):
                    text = texts[sentence]
                    # Before the sentence stands the space that was put there.
                    inside = within(spans, place - (len(text) - len(group[sentence - number])), text)
                    if inside:
                        found[sentence] = inside
            number += len(group)
        offsets = self._tokenizer.offsets([texts[sentence] for sentence in found])
        for (sentence, inside), of_pieces in zip(found.items(), offsets, strict=True):
            begin, end = int(encoded.ends[sentence - 1]) if sentence else 0, int(encoded.ends[sentence])
            assert len(of_pieces) == end - begin
            marks[begin:end] = mark_spans(inside, of_pieces, word_starts[begin:end])
        if self._keeping.phrases is not None:
            self._keeping.phrases.mark(encoded.ids, encoded.ends, word_starts, marks)
        return marks


def _spaced(sentences: list[str], text: str) -> list[str]:
    """Sentences with a space before each that has one in its document, for pieces that tell words by it."""
    places = places_of(sentences, text)
    ends = [place + len(sentence) for place, sentence in zip(places, sentences, strict=True)]
    return [
        f" {sentence}" if number and ends[number - 1] < place else sentence
        for number, (place, sentence) in enumerate(zip(places, sentences, strict=True))
    ]
