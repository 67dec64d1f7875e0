"""Compares vocabularies on text: how they cut it, what they do not know, and how likely they find it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.config.vocab_compare import VocabCompare
from bertcli.core.messages import notice, notices_once, progress
from bertcli.errors import VocabularyError
from bertcli.text import corpus
from bertcli.text.compared_text import ComparedText
from bertcli.text.compared_words import ComparedWords, count_compared
from bertcli.text.corpus_words import Budget
from bertcli.text.document_sums import CostedVocabulary, sum_documents
from bertcli.text.finding import file_format
from bertcli.text.fit_estimates import Estimate, estimate_figures
from bertcli.text.normalization import WordRules
from bertcli.text.records import TABLE_SUFFIXES
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer
from bertcli.text.vocabulary_fit import piece_costs, segment, word_times
from bertcli.text.word_groups import Band, ScriptFit, fit_by_frequency, fit_by_script
from bertcli.text.words import WordCounts

_FEW_DOCUMENTS = 30


@dataclass(frozen=True)
class ComparedVocabulary:
    """The figures of one vocabulary, by name, and what they are more than those of the first."""

    name: str
    size: int
    algorithm: str
    lowercase: bool
    text_rules: str
    fingerprint: str
    figures: dict[str, Estimate]
    differences: dict[str, Estimate] | None
    bands: list[Band]
    scripts: list[ScriptFit]
    dropped_words: int
    """Occurrences of words, in all text that was counted for this vocabulary, that were dropped to save memory."""
    count_error: int
    """No word occurs more often than its count and this."""


@dataclass(frozen=True)
class VocabularyComparison:
    """What ``vocab compare`` found. ``train`` is empty where each half had the counts of the other."""

    on: list[str]
    train: list[str]
    documents: int
    characters: int
    distinct_characters: int
    resamples: int
    seed: int
    vocabularies: list[ComparedVocabulary]
    elapsed_seconds: float

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass
class _Contestant:
    """A vocabulary while it is compared. ``costs`` is (vocab,) for each half of the scored text, or for all of it."""

    name: str
    tokenizer: Tokenizer
    costs: list[NDArray[np.float64]] = field(default_factory=list)
    bands: list[Band] = field(default_factory=list)
    scripts: list[ScriptFit] = field(default_factory=list)
    dropped_words: int = 0
    count_error: int = 0

    @property
    def rules(self) -> WordRules:
        """How text becomes the words that are given to it."""
        return self.tokenizer.word_rules


def compare_vocabularies(config: VocabCompare) -> VocabularyComparison:
    """Vocabularies and a corpus to figures. Raises a ``UserError`` where either cannot be used."""
    started_at = time.monotonic()
    contestants = [_load(name) for name in config.vocabularies]
    _tell_differences(contestants)
    with notices_once():
        scored, training = _texts(config)
        for rules in dict.fromkeys(contestant.rules for contestant in contestants):
            alike = [contestant for contestant in contestants if contestant.rules == rules]
            _count(alike, count_compared(scored, training, rules, config))
        distinct = sum(not character.isspace() for character in scored.seen)
        with progress("comparing", None, "characters") as bar:
            vocabularies = [CostedVocabulary(each.tokenizer, each.costs) for each in contestants]
            characters, sums = sum_documents(scored, vocabularies, distinct, bar=bar)
    if len(characters) < _FEW_DOCUMENTS:
        many = len(characters) > 1
        some = f"{len(characters)} documents give rough intervals" if many else "one document gives no intervals"
        notice(f"{some}: they tell how much documents differ")
    estimates = estimate_figures(characters, sums, resamples=config.resamples, seed=config.seed)
    shown = config.dump()
    return VocabularyComparison(
        on=shown["on"],
        train=shown["train"],
        documents=len(characters),
        characters=int(characters.sum()),
        distinct_characters=distinct,
        resamples=config.resamples,
        seed=config.seed,
        vocabularies=[
            ComparedVocabulary(
                name=contestant.name,
                size=contestant.tokenizer.vocabulary.size,
                algorithm=contestant.tokenizer.algorithm,
                lowercase=contestant.tokenizer.vocabulary.lowercase,
                text_rules=contestant.tokenizer.text_rules,
                fingerprint=contestant.tokenizer.vocabulary.fingerprint,
                figures=own,
                differences=differences,
                bands=contestant.bands,
                scripts=contestant.scripts,
                dropped_words=contestant.dropped_words,
                count_error=contestant.count_error,
            )
            for contestant, (own, differences) in zip(contestants, estimates, strict=True)
        ],
        elapsed_seconds=time.monotonic() - started_at,
    )


def _load(name: str) -> _Contestant:
    try:
        tokenizer = load_tokenizer(name)
    except VocabularyError as error:
        if not Path(name).is_file():
            raise
        hint = "a vocab.txt holds one piece a line; text is named by --on, said once for each file"
        raise VocabularyError(error.message, path=error.path, line=error.line, hint=hint) from error
    tokenizer.check_casing()
    return _Contestant(name, tokenizer)


def _tell_differences(contestants: Sequence[_Contestant]) -> None:
    for contestant in contestants:
        if not contestant.tokenizer.cuts_as_bert:
            notice(
                f"{contestant.name} does not clean and split text as BERT does; here it gets BERT's words, one by one"
            )
    first, *others = contestants
    for other in others:
        if other.tokenizer.casing != first.tokenizer.casing:
            notice(
                f"{first.name} ({first.tokenizer.text_rules}) and {other.name} ({other.tokenizer.text_rules}) "
                "have different words, and what is dropped costs nothing"
            )


def _texts(config: VocabCompare) -> tuple[ComparedText, ComparedText | None]:
    """The scored text, and the training text where there is one; a column is for the sides that have tables."""
    seen: set[str] = set()
    sides = [corpus.find_files(config.on), corpus.find_files(config.train)]
    tables = [any(file_format(file) in TABLE_SUFFIXES for file in files) for files in sides]
    texts = []
    for files, has_tables in zip(sides, tables, strict=True):
        reading = config.reading()
        if any(tables) and not has_tables:
            reading["text_column"] = None
        texts.append(ComparedText(files, reading, config.selecting(), Budget.of(config, texts=2), seen))
    on, train = ({file.resolve() if isinstance(file, Path) else file for file in files} for files in sides)
    both = sorted(file.name for file in on & train)
    if both:
        notice(f"{both[0]} is in --on and in --train: its likelihood is that of text which gave the counts")
    return texts[0], texts[1] if config.train else None


def _count(alike: Sequence[_Contestant], words: ComparedWords) -> None:
    """Fill in what word counts tell. ``alike`` take the same words."""
    for contestant in alike:
        contestant.bands, contestant.scripts = _fit_by_groups(contestant.tokenizer, words.scored)
        contestant.costs = [piece_costs(contestant.tokenizer, source) for source in words.sources]
        contestant.dropped_words, contestant.count_error = words.dropped, words.error


def _fit_by_groups(tokenizer: Tokenizer, words: WordCounts) -> tuple[list[Band], list[ScriptFit]]:
    times, in_order = word_times(words), list(words)
    cut = segment(tokenizer, in_order)
    return fit_by_frequency(cut, times), fit_by_script(in_order, cut, times)
