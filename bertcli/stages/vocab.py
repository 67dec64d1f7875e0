"""Builds a vocabulary: text to words, words to pieces, pieces to a directory that any tokenizer opens."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from bertcli.config.vocab import VocabBuild
from bertcli.core.atomic import check_output_dir, new_directory
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import Progress, notice, progress
from bertcli.errors import InputFileError, VocabularyError
from bertcli.text import corpus
from bertcli.text.bpe import learn_bpe
from bertcli.text.long_texts import cut_long
from bertcli.text.tokenizer import Tokenizer, bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import WordCounts, count_words


@dataclass(frozen=True)
class VocabularyReport:
    """What ``vocab build`` wrote, and how the vocabulary fits its own corpus."""

    directory: str
    size: int
    documents: int
    dropped: dict[str, int]
    characters: int
    words: int
    lowercase: bool
    normalization: str
    algorithm: str
    fingerprint: str
    unknown_rate: float
    tokens_per_word: float
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass
class _Counts:
    """What streams past while the corpus is read."""

    documents: int = 0
    characters: int = 0


def build_vocabulary(config: VocabBuild) -> VocabularyReport:
    """A corpus to a vocabulary directory. Raises a ``UserError`` before any work where either cannot be used."""
    started_at = time.monotonic()
    check_output_dir(config.output, overwrite=config.overwrite, inputs=config.corpus)
    files = corpus.find_files(config.corpus)
    with new_directory(config.output, overwrite=config.overwrite) as directory:
        counts = _Counts()
        selection = corpus.Selection(**config.selecting())
        documents = corpus.read_documents(files, **config.reading(), selection=selection)
        with progress("reading", None, "characters") as bar:
            words = count_words(
                _texts(documents, counts, bar), lowercase=config.lowercase, normalization=config.normalization
            )
        if not words:
            raise InputFileError(
                "the corpus holds no words", path=files[0], hint="all of its characters are control characters"
            )
        tokenizer = _learn(config, words)
        size = tokenizer.vocabulary.size
        if size < config.size:
            notice(f"the corpus gives {size:,} pieces, fewer than the {config.size:,} asked for (--size)")
        _check_casing(tokenizer, config)
        unknown_rate, tokens_per_word = _fit(tokenizer, words)
        tokenizer.save(directory)
        facts = {
            "vocabulary": tokenizer.vocabulary.dump(),
            "corpus": corpus.fingerprint(files),
            "counts": {"documents": counts.documents, "characters": counts.characters, "words": words.total()},
            "dropped": selection.dropped(),
            "unknown_rate": unknown_rate,
            "tokens_per_word": tokens_per_word,
        }
        write_manifest(directory, kind="vocabulary", command="vocab build", config=config.dump(), **facts)
    return VocabularyReport(
        directory=str(config.output),
        size=size,
        documents=counts.documents,
        dropped=selection.dropped(),
        characters=counts.characters,
        words=words.total(),
        lowercase=config.lowercase,
        normalization=config.normalization,
        algorithm=config.algorithm,
        fingerprint=tokenizer.vocabulary.fingerprint,
        unknown_rate=unknown_rate,
        tokens_per_word=tokens_per_word,
        elapsed_seconds=time.monotonic() - started_at,
    )


def _texts(documents: Iterable[corpus.Document], counts: _Counts, bar: Progress) -> Iterator[str]:
    for document in documents:
        counts.documents += 1
        counts.characters += len(document.text)
        for line in document.text.split("\n"):
            yield from cut_long(line)
        bar.update(counts.characters)


def _learn(config: VocabBuild, words: WordCounts) -> Tokenizer:
    with progress("learning", config.size, "pieces") as bar:
        if config.algorithm == "bpe":
            learned = learn_bpe(words, size=config.size, min_count=config.min_count, progress=bar)
            return bpe_tokenizer(
                learned.pieces, learned.merges, lowercase=config.lowercase, normalization=config.normalization
            )
        pieces = learn_wordpiece(words, size=config.size, min_count=config.min_count, progress=bar)
        return wordpiece_tokenizer(pieces, lowercase=config.lowercase, normalization=config.normalization)


def _check_casing(tokenizer: Tokenizer, config: VocabBuild) -> None:
    try:
        tokenizer.check_casing()
    except VocabularyError as error:
        assert not config.lowercase, "lower-cased words give no capital letters"
        raise VocabularyError(
            "--cased, but the corpus has no capital letter: every capital of later text would be unknown",
            hint="leave --cased out",
        ) from error


def _fit(tokenizer: Tokenizer, words: WordCounts) -> tuple[float, float]:
    """The share of unknown pieces and the pieces per word, over every word of the corpus as often as it occurs."""
    times = np.fromiter(words.values(), np.int64, len(words))
    encoded = tokenizer.encode(list(words))
    pieces = np.fromiter(map(len, encoded), np.int64, len(words))
    unknown = np.fromiter((int((ids == tokenizer.vocabulary.unk_id).sum()) for ids in encoded), np.int64, len(words))
    tokens = max(1, int((pieces * times).sum()))
    return int((unknown * times).sum()) / tokens, tokens / int(times.sum())
