"""Extends a vocabulary: the words of a text that save most pieces join it, and every old piece keeps its id."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bertcli.config.vocab_extend import VocabExtend
from bertcli.core.atomic import check_output_dir, new_directory
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import notice, progress
from bertcli.errors import VocabularyError
from bertcli.text import corpus
from bertcli.text.corpus_words import count_corpus
from bertcli.text.extension import NewWord, choose_words, extend
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.vocabulary_fit import VocabularyFit, measure_fit

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
    dropped: dict[str, int]
    words: int
    lowercase: bool
    fingerprint: str
    base_fingerprint: str
    fit: VocabularyFit
    base_fit: VocabularyFit
    most_saving: list[AddedWord]
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def extend_vocabulary(config: VocabExtend) -> VocabularyExtensionReport:
    """A vocabulary and a text to a larger vocabulary. Raises a ``UserError`` where either cannot be used."""
    started_at = time.monotonic()
    check_output_dir(config.output, overwrite=config.overwrite, inputs=(*config.corpus, config.base))
    base = _open_base(config.base)
    files = corpus.find_files(config.corpus)
    with new_directory(config.output, overwrite=config.overwrite) as directory:
        counted = count_corpus(files, config, config, base.word_rules)
        words = counted.words.counts
        base_fit = measure_fit(base, words)
        old = base.pieces(range(base.vocabulary.size))
        with progress("choosing", config.add, "words") as bar:
            chosen = choose_words(words, old, most=config.add, min_count=config.min_count, progress=bar)
        _tell_how_many(config, chosen, base_fit)
        extension = extend(old, [new.word for new in chosen], fill_unused=config.fill_unused)
        if config.fill_unused and not extension.filled:
            notice(f"{config.base} has no [unusedN] place: all words stand behind its pieces")
        tokenizer = base.with_pieces(extension.pieces)
        fit = measure_fit(tokenizer, words)
        tokenizer.save(directory)
        facts = {
            "vocabulary": tokenizer.vocabulary.dump(),
            "base": base.vocabulary.dump(),
            "added": len(chosen),
            "filled": extension.filled,
            "corpus": corpus.fingerprint(files),
            **counted.facts(),
            "fit": asdict(fit),
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
        documents=counted.documents,
        dropped=counted.dropped,
        words=words.total(),
        lowercase=base.vocabulary.lowercase,
        fingerprint=tokenizer.vocabulary.fingerprint,
        base_fingerprint=base.vocabulary.fingerprint,
        fit=fit,
        base_fit=base_fit,
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


def _tell_how_many(config: VocabExtend, chosen: list[NewWord], base_fit: VocabularyFit) -> None:
    if not chosen:
        raise VocabularyError(
            f"nothing to add: no word that occurs at least {config.min_count} times would save a piece",
            path=config.base,
            hint=f"the text has {base_fit.pieces_per_word:.3f} pieces a word as it is; "
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
