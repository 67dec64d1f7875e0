"""Compares vocabularies on text: how they cut it, what they do not know, and how likely they find it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.config.vocab_compare import VocabCompare
from bertcli.core.blocks import in_blocks
from bertcli.core.bootstrap import percentile_interval, resampled_sums
from bertcli.core.messages import Progress, notice, notices_once, progress
from bertcli.errors import InputFileError, VocabularyError
from bertcli.text import corpus
from bertcli.text.corpus_words import Budget, tell_dropped
from bertcli.text.document_hash import document_hash
from bertcli.text.finding import file_format
from bertcli.text.long_texts import cut_long, cut_long_parts
from bertcli.text.normalization import WordRules
from bertcli.text.part_sums import PartSums, sum_over_words
from bertcli.text.records import TABLE_SUFFIXES
from bertcli.text.remote_files import CorpusFile
from bertcli.text.tokenizer import Tokenizer, load_tokenizer
from bertcli.text.vocabulary_fit import Sums, count_pieces, figures, segment, unigram_costs, word_sums, word_times
from bertcli.text.word_groups import Band, ScriptFit, fit_by_frequency, fit_by_script
from bertcli.text.words import CountedWords, WordCounts, WordSplitter, count_words

_CHARACTERS_PER_BLOCK = 1_000_000
_FEW_DOCUMENTS = 30
_COST = Sums._fields.index("cost")

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % interval; no interval from a single document."""

    value: float
    low: float | None
    high: float | None


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
    costs: list[FloatArray]
    bands: list[Band]
    scripts: list[ScriptFit]
    dropped_words: int = 0
    count_error: int = 0

    @property
    def rules(self) -> WordRules:
        """How text becomes the words that are given to it."""
        return self.tokenizer.word_rules


@dataclass
class _Text:
    """The files of one side, read as often as is needed, and the characters seen in them."""

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
        """How often each word occurs, in all documents or in those of a half."""
        lines = (
            part
            for line in self._lines(bar, half)
            for part in cut_long_parts(line, at_ideographs=rules.tokenize_chinese_chars)
        )
        budget = self.budget
        counted = count_words(lines, rules, longest=None, workers=budget.workers, most_words=budget.counted_words)
        counted.keep(budget.compared_words)
        return counted

    def _lines(self, bar: Progress, half: int | None) -> Iterator[str]:
        characters = 0
        for text in self:
            if half is None or _half(text) == half:
                self.seen.update(text)
                yield from text.split("\n")
            characters += len(text)
            bar.update(characters)


def compare_vocabularies(config: VocabCompare) -> VocabularyComparison:
    """Vocabularies and a corpus to figures. Raises a ``UserError`` where either cannot be used."""
    started_at = time.monotonic()
    contestants = [_load(name) for name in config.vocabularies]
    _tell_differences(contestants)
    with notices_once():
        scored, training = _texts(config)
        for rules in dict.fromkeys(contestant.rules for contestant in contestants):
            alike = [contestant for contestant in contestants if contestant.rules == rules]
            _count(alike, scored, training, rules, config)
        distinct = sum(not character.isspace() for character in scored.seen)
        with progress("comparing", None, "characters") as bar:
            characters, sums = _score(contestants, scored, distinct, bar=bar)
    if len(characters) < _FEW_DOCUMENTS:
        many = len(characters) > 1
        some = f"{len(characters)} documents give rough intervals" if many else "one document gives no intervals"
        notice(f"{some}: they tell how much documents differ")
    estimates = _estimates(characters, sums, config)
    return VocabularyComparison(
        on=list(config.on),
        train=list(config.train),
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
    return _Contestant(name, tokenizer, [], [], [])


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


def _texts(config: VocabCompare) -> tuple[_Text, _Text | None]:
    """The scored text, and the training text where there is one; a column is for the sides that have tables."""
    seen: set[str] = set()
    sides = [corpus.find_files(config.on), corpus.find_files(config.train)]
    tables = [any(file_format(file) in TABLE_SUFFIXES for file in files) for files in sides]
    texts = []
    for files, has_tables in zip(sides, tables, strict=True):
        reading = config.reading()
        if any(tables) and not has_tables:
            reading["text_column"] = None
        texts.append(_Text(files, reading, config.selecting(), Budget.of(config, texts=2), seen))
    on, train = ({file.resolve() if isinstance(file, Path) else file for file in files} for files in sides)
    both = sorted(file.name for file in on & train)
    if both:
        notice(f"{both[0]} is in --on and in --train: its likelihood is that of text which gave the counts")
    return texts[0], texts[1] if config.train else None


def _half(text: str) -> int:
    return document_hash(text) & 1


def _count(
    alike: Sequence[_Contestant], scored: _Text, training: _Text | None, rules: WordRules, config: VocabCompare
) -> None:
    """Fill in what word counts tell: the costs of pieces, bands and scripts. ``alike`` take the same words."""
    with progress("counting words", None, "characters") as bar:
        if training is not None:
            counted = [scored.words(rules, bar=bar), training.words(rules, bar=bar)]
        else:
            counted = [scored.words(rules, bar=bar, half=half) for half in (0, 1)]
    first, second = (each.counts for each in counted)
    words = first if training is not None else first + second
    sources = [second] if training is not None else [second, first]  # each half has the counts of the other
    _check_words(words, sources, scored, training)
    tell_dropped(config, *counted)
    times = word_times(words)
    for contestant in alike:
        contestant.dropped_words = sum(each.dropped for each in counted)
        contestant.count_error = sum(each.error for each in counted)
        tokenizer = contestant.tokenizer
        cut = segment(tokenizer, list(words))
        contestant.bands = fit_by_frequency(cut, times)
        contestant.scripts = fit_by_script(list(words), cut, times)
        for source in sources:
            counts = count_pieces(segment(tokenizer, list(source)), word_times(source), tokenizer.vocabulary)
            contestant.costs.append(unigram_costs(counts, tokenizer.vocabulary))


def _check_words(words: WordCounts, sources: Sequence[WordCounts], scored: _Text, training: _Text | None) -> None:
    if not words:
        hint = "all of its characters are control characters"
        raise InputFileError("the text to compare on holds no words", path=scored.files[0], hint=hint)
    if training is not None and not sources[0]:
        hint = "all of its characters are control characters"
        raise InputFileError("the training text holds no words", path=training.files[0], hint=hint)
    if not all(sources):
        raise InputFileError(
            "too few documents to take the counts of each half from the other",
            path=scored.files[0],
            hint="--train CORPUS names the text that gives the counts",
        )


def _score(
    contestants: Sequence[_Contestant], scored: _Text, distinct: int, *, bar: Progress
) -> tuple[FloatArray, list[Sums]]:
    """(documents,) characters, and for each contestant its sums, (documents,) each."""
    halved = len(contestants[0].costs) > 1
    width = _COST + len(contestants[0].costs)
    table = PartSums(_values_of_parts(contestants, distinct), columns=width * len(contestants))
    characters: list[int] = []
    blocks: list[list[FloatArray]] = [[] for _ in contestants]
    done = 0
    for texts in in_blocks(scored, _CHARACTERS_PER_BLOCK, len):
        characters += [sum(map(len, text.split())) for text in texts]
        halves = np.array([_half(text) if halved else 0 for text in texts])
        columns = table.of(texts)
        for number, own in enumerate(blocks):
            own.append(_with_cost_of_half(columns[:, number * width : (number + 1) * width], halves))
        done += sum(map(len, texts))
        bar.update(done)
    return np.array(characters, np.float64), [Sums(*np.concatenate(own).T) for own in blocks]


def _values_of_parts(contestants: Sequence[_Contestant], distinct: int) -> Callable[[Sequence[str]], FloatArray]:
    """What parts add: (parts, columns), for each contestant the columns of ``Sums``, then the cost in the second half.

    Contestants that take the same words share the splitting.
    """

    def values(contestant: _Contestant, words: Sequence[str]) -> list[FloatArray]:
        cut = segment(contestant.tokenizer, words)
        first, *others = (word_sums(cut, costs, distinct) for costs in contestant.costs)
        return [*first, *(other.cost for other in others)]

    splitters = {contestant.rules: WordSplitter(contestant.rules) for contestant in contestants}

    def of_parts(parts: Sequence[str]) -> FloatArray:
        columns: dict[int, FloatArray] = {}
        for rules, splitter in splitters.items():
            alike = [number for number, contestant in enumerate(contestants) if contestant.rules == rules]

            def of_words(words: Sequence[str], alike: Sequence[int] = alike) -> FloatArray:
                return np.stack([column for number in alike for column in values(contestants[number], words)], axis=1)

            def words_of(part: str, rules: WordRules = rules, splitter: WordSplitter = splitter) -> Iterator[str]:
                for piece in cut_long(part, at_ideographs=rules.tokenize_chinese_chars):
                    yield from splitter.split(piece)

            found = sum_over_words(parts, words_of, of_words)
            columns |= zip(alike, np.split(found, len(alike), axis=1), strict=True)
        return np.concatenate([columns[number] for number in range(len(contestants))], axis=1)

    return of_parts


def _with_cost_of_half(columns: FloatArray, halves: NDArray[np.int64]) -> FloatArray:
    own = columns[:, : _COST + 1].copy()
    own[:, _COST] = columns[np.arange(len(columns)), _COST + halves]
    return own


def _estimates(
    characters: FloatArray, sums: Sequence[Sums], config: VocabCompare
) -> Iterator[tuple[dict[str, Estimate], dict[str, Estimate] | None]]:
    """For each vocabulary its figures, and for all but the first the differences to the first."""
    columns = np.column_stack([characters, *chain.from_iterable(sums)])
    totals = columns.sum(axis=0)
    drawn = resampled_sums(columns, resamples=config.resamples, seed=config.seed) if len(columns) > 1 else None
    observed = _figures_of_each(totals)
    resampled = _figures_of_each(drawn.T) if drawn is not None else None
    for number, own in enumerate(observed):
        samples = resampled[number] if resampled is not None else {}
        estimates = {name: _estimate(value, samples.get(name)) for name, value in own.items()}
        differences = None
        if number:
            differences = {
                name: _estimate(
                    value - observed[0][name],
                    samples[name] - resampled[0][name] if resampled is not None else None,
                )
                for name, value in own.items()
            }
        yield estimates, differences


def _figures_of_each(columns: FloatArray) -> list[dict[str, FloatArray]]:
    """(1 + 6 · vocabularies, ...) to figures of each vocabulary; the first column is characters."""
    width = len(Sums._fields)
    return [figures(Sums(*columns[at : at + width]), columns[0]) for at in range(1, len(columns), width)]


def _estimate(value: FloatArray, samples: FloatArray | None) -> Estimate:
    low, high = percentile_interval(samples) if samples is not None else (None, None)
    return Estimate(float(value), low, high)
