"""A text that vocabularies are compared on: read as often as is needed, whole or halved, and its words counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bertcli.core.messages import Progress
from bertcli.text import corpus
from bertcli.text.corpus_words import Budget
from bertcli.text.document_hash import document_hash
from bertcli.text.long_texts import LONGEST_TOLD_APART, cut_long_parts
from bertcli.text.normalization import WordRules
from bertcli.text.remote_files import CorpusFile
from bertcli.text.words import CountedWords, count_words


@dataclass
class ComparedText:
    """Files, how they are read, and the characters that were ``seen`` in them. Iterating gives the documents' texts."""

    files: list[CorpusFile]
    reading: dict[str, Any]
    selecting: dict[str, Any]
    budget: Budget
    seen: set[str]

    def __iter__(self) -> Iterator[str]:
        selection = corpus.Selection(**self.selecting)
        for document in corpus.read_documents(self.files, **self.reading, selection=selection):
            yield document.text

    def words(self, rules: WordRules, *, bar: Progress, half: int | None = None) -> CountedWords:
        """How often each word occurs, in all documents or in those of a half: as many words as may be held."""
        lines = (
            part
            for line in self._lines(bar, half)
            for part in cut_long_parts(
                line, at_ideographs=rules.tokenize_chinese_chars, longest_word=LONGEST_TOLD_APART
            )
        )
        budget = self.budget
        counted = count_words(lines, rules, longest=None, workers=budget.workers, most_words=budget.counted_words)
        counted.keep(budget.compared_words)
        return counted

    def _lines(self, bar: Progress, half: int | None) -> Iterator[str]:
        characters = 0
        for text in self:
            if half is None or half_of(text) == half:
                self.seen.update(text)
                yield from text.split("\n")
            characters += len(text)
            bar.update(characters)


def half_of(text: str) -> int:
    """The half of the documents that a text belongs to, 0 or 1."""
    return document_hash(text) & 1
