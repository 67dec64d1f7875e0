"""Builds a vocabulary: text to words, words to pieces, pieces to a directory that any tokenizer opens."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

from bertcli.config.vocab import VocabBuild
from bertcli.core.atomic import check_output_dir, new_directory
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import notice, progress
from bertcli.errors import ConfigError, VocabularyError
from bertcli.text import corpus
from bertcli.text.bpe import learn_bpe
from bertcli.text.corpus_words import count_corpus
from bertcli.text.learning import LearningRules
from bertcli.text.normalization import WordRules
from bertcli.text.pieces import CONTINUATION, LONGEST_WORD, SPECIALS
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_making import bpe_tokenizer, wordpiece_tokenizer
from bertcli.text.vocabulary_fit import VocabularyFit, measure_fit
from bertcli.text.wordpiece import learn_wordpiece
from bertcli.text.words import WordCounts, WordSplitter

_MANY_UNKNOWN = 0.01


@dataclass(frozen=True)
class VocabularyReport:
    """What ``vocab build`` wrote, and how the vocabulary fits its own corpus."""

    directory: str
    size: int
    documents: int
    dropped: dict[str, int]
    characters: int
    words: int
    distinct_words: int
    dropped_words: int
    """Occurrences of words that were dropped to save memory."""
    count_error: int
    """By how much a word's count may fall short of the truth."""
    lowercase: bool
    normalization: str
    algorithm: str
    fingerprint: str
    fit: VocabularyFit
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def build_vocabulary(config: VocabBuild) -> VocabularyReport:
    """A corpus to a vocabulary directory. Raises a ``UserError`` before any work where either cannot be used."""
    started_at = time.monotonic()
    check_output_dir(config.output, overwrite=config.overwrite, inputs=config.corpus)
    word_rules = WordRules(config.lowercase, config.normalization)
    rules = _learning_rules(config, word_rules)
    files = corpus.find_files(config.corpus)
    with new_directory(config.output, overwrite=config.overwrite) as directory:
        counted = count_corpus(files, config, config, word_rules)
        words = counted.words.counts
        tokenizer = _learn(config, words, rules)
        size = tokenizer.vocabulary.size
        if size < config.size:
            notice(
                f"the corpus gives {size:,} pieces, fewer than the {config.size:,} asked for (--size): all others are "
                "too rare (--min-count), gain too little (--min-gain) or are too long (--max-piece-length)"
            )
        _check_casing(tokenizer, config)
        fit = measure_fit(tokenizer, words)
        if fit.unknown_words > _MANY_UNKNOWN:
            notice(f"{fit.unknown_words:.1%} of the words are unknown: --alphabet-size decides on their characters")
        tokenizer.save(directory)
        facts = {
            "vocabulary": tokenizer.vocabulary.dump(),
            "corpus": corpus.fingerprint(files),
            **counted.facts(),
            "fit": asdict(fit),
        }
        write_manifest(directory, kind="vocabulary", command="vocab build", config=config.dump(), **facts)
    return VocabularyReport(
        directory=str(config.output),
        size=size,
        documents=counted.documents,
        dropped=counted.dropped,
        characters=counted.characters,
        words=words.total(),
        distinct_words=len(words),
        dropped_words=counted.words.dropped,
        count_error=counted.words.error,
        lowercase=config.lowercase,
        normalization=config.normalization,
        algorithm=config.algorithm,
        fingerprint=tokenizer.vocabulary.fingerprint,
        fit=fit,
        elapsed_seconds=time.monotonic() - started_at,
    )


def _learning_rules(config: VocabBuild, word_rules: WordRules) -> LearningRules:
    """The rules of learning. Raises ``ConfigError`` where a piece given by hand could never be met in a text."""
    if config.min_gain and config.algorithm != "wordpiece":
        raise ConfigError(
            f"--min-gain is for --algorithm wordpiece: {config.algorithm} joins by count", hint="--min-count ends that"
        )
    if config.pieces and config.algorithm == "bpe":
        raise ConfigError("--piece is for WordPiece: the pieces of BPE follow from its merges", hint="leave it out")
    words_of = WordSplitter(word_rules)
    for piece in config.pieces:
        word = piece.removeprefix(CONTINUATION)
        words = words_of(word)
        if words != (word,) or len(word) > LONGEST_WORD:
            found = " ".join(words) if words else "nothing"
            raise ConfigError(
                f"--piece {piece}: no word of a text could hold it, for cleaning and splitting make {found!r} of it",
                hint="a piece is a word or a part of one, lower-cased and without accents unless --cased is given",
            )
    for special in config.specials:
        if special in SPECIALS or special.split() != [special] or words_of(special) in ((), (special,)):
            raise ConfigError(
                f"--special {special!r}: expected a new name that is no word of a text",
                hint="for example --special [ENT]: a special piece is never masked, whatever the text says",
            )
    given = (*config.specials, *config.pieces)
    repeated = sorted({name for name in given if given.count(name) > 1})
    if repeated:
        raise ConfigError(f"given twice: {', '.join(repeated)}", hint="name every --special and --piece once")
    return LearningRules(
        min_count=config.min_count,
        min_gain=config.min_gain,
        max_piece_length=config.max_piece_length,
        alphabet_size=config.alphabet_size,
        specials=(*SPECIALS, *config.specials),
        pieces=config.pieces,
    )


def _learn(config: VocabBuild, words: WordCounts, rules: LearningRules) -> Tokenizer:
    with progress("learning", config.size, "pieces") as bar:
        if config.algorithm == "bpe":
            learned = learn_bpe(words, size=config.size, rules=rules, progress=bar)
            return bpe_tokenizer(
                learned.pieces,
                learned.merges,
                lowercase=config.lowercase,
                normalization=config.normalization,
                more_specials=config.specials,
            )
        by_count = config.algorithm == "bpe-wordpiece"
        pieces = learn_wordpiece(words, size=config.size, rules=rules, by_count=by_count, progress=bar)
        return wordpiece_tokenizer(
            pieces, lowercase=config.lowercase, normalization=config.normalization, more_specials=config.specials
        )


def _check_casing(tokenizer: Tokenizer, config: VocabBuild) -> None:
    try:
        tokenizer.check_casing()
    except VocabularyError as error:
        assert not config.lowercase, "lower-cased words give no capital letters"
        raise VocabularyError(
            "--cased, but the corpus has no capital letter: every capital of later text would be unknown",
            hint="leave --cased out",
        ) from error
