"""The words of a corpus: read once from its files, counted by several processes, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bertcli.config.corpus import Corpus
from bertcli.config.counting import Counting
from bertcli.core.messages import Progress, notice, progress
from bertcli.core.workers import Pool, Processes
from bertcli.errors import InputFileError
from bertcli.text import corpus
from bertcli.text.long_texts import cut_long
from bertcli.text.normalization import WordRules
from bertcli.text.remote_files import CorpusFile
from bertcli.text.words import CountedWords, count_words

_PROGRAM_BYTES = 150_000_000
_WORKER_BYTES = 120_000_000
_COUNTED_WORD_BYTES = 250
_LEARNED_CHARACTER_BYTES = 160
"""Of each character of a word while pieces are learned from it: 100 were measured on English Wikipedia, 135 on words of
random letters, which have the most pairs."""
_COMPARED_WORD_BYTES = 320
"""Of each word while a vocabulary cuts all of them: measured on words of random letters, of four pieces each; 50 of it
are for the sum of two texts."""


@dataclass(frozen=True)
class Budget:
    """What the memory to use allows: who counts, distinct words meanwhile, and bytes for them afterwards.

    Half of what does not go to the program is for words, whatever the number of processes, so that the same text gives
    the same words on every machine. Texts whose words are held at once share it.
    """

    workers: Pool
    counted_words: int
    learned_bytes: int

    @classmethod
    def of(cls, counting: Counting, *, texts: int = 1) -> Budget:
        """The budget of a configuration for each of so many texts, which are read one after the other."""
        free = counting.memory_bytes - _PROGRAM_BYTES
        workers = counting.pool
        if isinstance(workers, Processes):
            workers = Processes(max(1, min(workers.count, free // 2 // _WORKER_BYTES)))
        return cls(workers, free // 2 // _COUNTED_WORD_BYTES // texts, free // texts)

    @property
    def compared_words(self) -> int:
        """Distinct words that may be held while vocabularies cut them."""
        return self.learned_bytes // (_COUNTED_WORD_BYTES + _COMPARED_WORD_BYTES)


@dataclass(frozen=True)
class CorpusWords:
    """The words of a corpus, and what it held; ``dropped`` says how many documents were dropped, by reason."""

    words: CountedWords
    documents: int
    characters: int
    dropped: dict[str, int]

    def facts(self) -> dict[str, Any]:
        """What a vocabulary's manifest says of the text that it was made from."""
        return {
            "counts": {
                "documents": self.documents,
                "characters": self.characters,
                "words": self.words.counts.total(),
            },
            "dropped": self.dropped,
            "dropped_words": self.words.dropped,
            "count_error": self.words.error,
        }


def count_corpus(files: Sequence[CorpusFile], reading: Corpus, counting: Counting, rules: WordRules) -> CorpusWords:
    """Count the words of all documents; those beyond BERT's 100 characters are left out.

    Raises ``InputFileError`` where there is no word.
    """
    budget = Budget.of(counting)
    selection = corpus.Selection(**reading.selecting())
    documents = corpus.read_documents(files, **reading.reading(), selection=selection)
    counts = _Counts()
    with progress("reading", None, "characters") as bar:
        texts = _texts(documents, counts, rules, bar)
        words = count_words(texts, rules, workers=budget.workers, most_words=budget.counted_words)
    if not words.counts:
        raise InputFileError(
            "the corpus holds no words",
            path=files[0],
            hint="all of its characters are control characters, or its words have over 100 characters",
        )
    characters = sum(map(len, words.counts)) / len(words.counts)
    words.keep(int(budget.learned_bytes / (_COUNTED_WORD_BYTES + _LEARNED_CHARACTER_BYTES * characters)))
    tell_dropped(counting, words)
    return CorpusWords(words, counts.documents, counts.characters, selection.dropped())


def tell_dropped(counting: Counting, *texts: CountedWords) -> None:
    """A notice where words of texts, whose counts may be added, were dropped to save memory."""
    dropped = sum(words.dropped for words in texts)
    if dropped:
        share = dropped / (dropped + sum(words.counts.total() for words in texts))
        error = sum(words.error for words in texts)
        notice(
            f"{share:.2%} of all words were dropped as too rare to fit into {counting.memory}; "
            f"every count is short of the truth by {error:,} at most (--memory)"
        )


@dataclass
class _Counts:
    """What streams past while the corpus is read."""

    documents: int = 0
    characters: int = 0


def _texts(documents: Iterator[corpus.Document], counts: _Counts, rules: WordRules, bar: Progress) -> Iterator[str]:
    for document in documents:
        counts.documents += 1
        counts.characters += len(document.text)
        for line in document.text.split("\n"):
            yield from cut_long(line, at_ideographs=rules.tokenize_chinese_chars)
        bar.update(counts.characters)
