"""Extends a vocabulary: the words of a text that save most pieces join it, and every old piece keeps its id."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bertcli.config.vocab_extend import VocabExtend
from bertcli.core.atomic import check_output_dir, new_directory
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import Progress, notice, progress
from bertcli.errors import InputFileError, VocabularyError
from bertcli.text import corpus
from bertcli.text.extension import NewWord, choose_words, extend
from bertcli.text.fit import Fit, fit_of
from bertcli.text.pieces import LONGEST_WORD
from bertcli.text.tokenizer import Tokenizer, load_tokenizer
from bertcli.text.words import WordCounts, count_words

SHOWN_WORDS = 10


@dataclass(frozen=True)
class AddedWord:
    """A new piece: the ``base_pieces`` it was cut into, how often it occurs, and the pieces it saves, as chosen.

    Words that begin with it count as well, and an unknown word counts as one piece more than it has characters.
    """

    word: str
    base_pieces: list[str]
    count: int
    saved: int


@dataclass(frozen=True)
class VocabularyExtensionReport:
    """What ``vocab extend`` wrote, and how the text is cut with the base and with the extended vocabulary.

    ``most_saving`` are the new words that save most pieces of the text. ``filled`` of the ``added`` words stand in
    ``[unusedN]`` places. ``model`` is the base where it may be a model, which pretraining can then continue.
    """

    directory: str
    base: str
    model: str | None
    size: int
    base_size: int
    added: int
    filled: int
    documents: int
    words: int
    lowercase: bool
    fingerprint: str
    base_fingerprint: str
    tokens_per_word: float
    base_tokens_per_word: float
    unknown_rate: float
    base_unknown_rate: float
    most_saving: list[AddedWord]
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass
class _Counts:
    """What streams past while the text is read."""

    documents: int = 0
    characters: int = 0


def extend_vocabulary(config: VocabExtend) -> VocabularyExtensionReport:
    """A vocabulary and a text to a larger vocabulary. Raises a ``UserError`` where either cannot be used."""
    started_at = time.monotonic()
    check_output_dir(config.output, overwrite=config.overwrite, inputs=(*config.corpus, config.base))
    base = _open_base(config.base)
    files = corpus.find_files(config.corpus)
    with new_directory(config.output, overwrite=config.overwrite) as directory:
        counts = _Counts()
        with progress("reading", None, "characters") as bar:
            words = _count(_texts(files, config, counts, bar), base)
        if not words:
            raise InputFileError(
                "the corpus holds no words", path=files[0], hint="all of its characters are control characters"
            )
        base_fit = fit_of(base, words)
        old = base.pieces(range(base.vocabulary.size))
        with progress("choosing", config.add, "words") as bar:
            chosen = choose_words(words, old, most=config.add, min_count=config.min_count, progress=bar)
        _tell_how_many(config, chosen, base_fit)
        extension = extend(old, [new.word for new in chosen], fill_unused=config.fill_unused)
        if config.fill_unused and not extension.filled:
            notice(f"{config.base} has no [unusedN] place: all words stand behind its pieces")
        tokenizer = base.with_pieces(extension.pieces)
        fit = fit_of(tokenizer, words)
        tokenizer.save(directory)
        facts = {
            "vocabulary": tokenizer.vocabulary.dump(),
            "base": base.vocabulary.dump(),
            "added": len(chosen),
            "filled": extension.filled,
            "corpus": corpus.fingerprint(files),
            "counts": {"documents": counts.documents, "characters": counts.characters, "words": fit.words},
            "unknown_rate": fit.unknown_rate,
            "tokens_per_word": fit.tokens_per_word,
        }
        write_manifest(directory, kind="vocabulary", command="vocab extend", config=config.dump(), **facts)
    return VocabularyExtensionReport(
        directory=str(config.output),
        base=config.base,
        model=config.base if _may_be_a_model(Path(config.base)) else None,
        size=tokenizer.vocabulary.size,
        base_size=base.vocabulary.size,
        added=len(chosen),
        filled=extension.filled,
        documents=counts.documents,
        words=fit.words,
        lowercase=base.vocabulary.lowercase,
        fingerprint=tokenizer.vocabulary.fingerprint,
        base_fingerprint=base.vocabulary.fingerprint,
        tokens_per_word=fit.tokens_per_word,
        base_tokens_per_word=base_fit.tokens_per_word,
        unknown_rate=fit.unknown_rate,
        base_unknown_rate=base_fit.unknown_rate,
        most_saving=_most_saving(chosen, base),
        elapsed_seconds=time.monotonic() - started_at,
    )


def _open_base(where: str) -> Tokenizer:
    base = load_tokenizer(where)
    if not base.is_wordpiece:
        raise VocabularyError(
            "a BPE vocabulary cannot be extended by words: its pieces follow from its merges",
            path=where,
            hint="give a WordPiece vocabulary; `bertcli vocab build CORPUS --algorithm wordpiece` makes one",
        )
    if not base.takes_words:
        raise VocabularyError(
            "words cannot be added: this tokenizer does not clean and split text as BERT does, or has pieces beside "
            "its vocabulary",
            path=where,
            hint="give the vocab.txt alone, if BERT's rules are right for it",
        )
    base.check_casing()
    return base


def _texts(files: list[Path], config: VocabExtend, counts: _Counts, bar: Progress) -> Iterator[str]:
    for document in corpus.read_documents(files, **config.reading()):
        counts.documents += 1
        counts.characters += len(document.text)
        yield from document.text.split("\n")
        bar.update(counts.characters)


def _count(texts: Iterable[str], base: Tokenizer) -> WordCounts:
    """The words as the base cleans and splits them; what it would not cut, for its length, is left out."""
    lowercase = base.vocabulary.lowercase
    if base.casing["tokenize_chinese_chars"] and base.casing["strip_accents"] in (None, lowercase):
        return count_words(texts, lowercase=lowercase)
    words: WordCounts = Counter()
    for part, count in Counter(part for text in texts for part in text.split(" ")).items():
        for word in base.words(part):
            if len(word) <= LONGEST_WORD:
                words[word] += count
    return words


def _tell_how_many(config: VocabExtend, chosen: list[NewWord], base_fit: Fit) -> None:
    if not chosen:
        raise VocabularyError(
            f"nothing to add: no word that occurs at least {config.min_count} times would save a piece",
            path=config.base,
            hint=f"the text has {base_fit.tokens_per_word:.3f} pieces a word as it is; "
            "more text or a smaller --min-count gives more words to choose from",
        )
    if len(chosen) < config.add:
        notice(f"{len(chosen):,} words of the text save pieces, fewer than the {config.add:,} asked for (--add)")


def _most_saving(chosen: list[NewWord], base: Tokenizer) -> list[AddedWord]:
    best = sorted(chosen, key=lambda new: -new.saved)[:SHOWN_WORDS]
    cut = map(base.pieces, base.encode([new.word for new in best]))
    return [AddedWord(new.word, pieces, new.count, new.saved) for new, pieces in zip(best, cut, strict=True)]


def _may_be_a_model(base: Path) -> bool:
    """A directory with a model's configuration, or what is no path here but a Hub id."""
    return (base / "config.json").is_file() or not base.exists()
