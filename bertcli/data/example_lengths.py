"""How long examples are against the longest sequence: in pieces with a tokenizer, in words and characters without."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Encoding, Examples, Features, Limits, Task
from bertcli.data.findings import Finding, Showing, is_over, percent
from bertcli.data.repeated_examples import GivenSplit

CUT_TOLERATED = 0.01
"""More cut examples than this share of a split are a warning."""
UNKNOWN_TOLERATED = 0.01
"""More pieces than this share that are ``[UNK]`` are a warning: the vocabulary is not that of the text."""

_NO_LIMIT = 1 << 30


@dataclass(frozen=True)
class Lengths:
    """The lengths of one split's examples, in ``unit``; what only pieces tell is None without a tokenizer."""

    split: str
    examples: int
    unit: str
    median: float
    percentile_95: float
    longest: int
    longer: int | None = None
    """Examples that are longer than a sequence; counted in words, there are at least so many."""
    cut: int | None = None
    """Examples that lose pieces: longer ones, but where a task reads on in a further sequence."""
    lost: int | None = None
    """Pieces that truncation cuts off, in all."""
    unknown_rate: float | None = None
    """Share of pieces that are ``[UNK]``."""
    characters: float | None = None
    """Median in characters, where there is no tokenizer."""

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def lengths_in_words(split: GivenSplit, max_length: int | None) -> Lengths:
    """Words between white space. With ``max_length``, examples with more words than a sequence has pieces for."""
    words = np.asarray([len(text.split()) for text in split.texts])
    longer = None if max_length is None else int((words > max_length).sum())
    characters = float(np.median([len(text) for text in split.texts]))
    return replace(_lengths(split, "words", words), longer=longer, characters=characters)


def lengths_in_pieces(
    split: GivenSplit, task: Task, tokenizer: Encoding, limits: Limits, *, left_out: Collection[tuple[str, int]]
) -> tuple[Lengths, NDArray[np.int64]]:
    """Pieces of the longest sequence of each example, special ones included, and the rows that lose some of them.

    Examples at the places that are ``left_out``, whose content cannot be encoded, are not counted.
    """
    places = enumerate(zip(split.examples.paths, split.examples.lines, strict=True))
    kept = (row for row, place in places if not split.has_line_each or place not in left_out)
    rows = np.fromiter(kept, dtype=np.int64)
    examples = _without_labels(split.examples, rows)
    if not len(examples):
        return replace(_lengths(split, "pieces", np.zeros(1, np.int64)), examples=0, longer=0, cut=0, lost=0), rows
    whole = task.encode(examples, tokenizer, replace(limits, max_length=_NO_LIMIT, strategy="head"))
    sizes = _longest_sequences(whole, len(examples))
    longer = np.flatnonzero(sizes > limits.max_length)
    lost = np.zeros(0, dtype=np.int64)
    if len(longer):
        cut = task.encode(examples.take(longer), tokenizer, limits)
        lost = np.bincount(_example_of_sequences(cut), weights=cut.lost, minlength=len(longer)).astype(np.int64)
    lengths = replace(
        _lengths(split, "pieces", sizes),
        examples=len(examples),
        longer=len(longer),
        cut=int((lost > 0).sum()),
        lost=int(lost.sum()),
        unknown_rate=unknown_rate(whole, tokenizer),
    )
    return lengths, rows[longer[lost > 0]]


def _lengths(split: GivenSplit, unit: str, sizes: NDArray[np.int64]) -> Lengths:
    median, high = np.percentile(sizes, [50, 95]).tolist()
    return Lengths(split.name, len(split), unit, median, high, int(sizes.max()))


def _without_labels(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    """Labels are not needed to encode, and may be ones that are not known."""
    columns = {name: cells for name, cells in examples.columns.items() if name != "label"}
    return replace(examples, columns=columns).take(rows)


def _example_of_sequences(features: Features) -> NDArray[np.int64]:
    _, items = features.sequences_of(np.arange(features.items))
    return features.examples[items]


def _longest_sequences(features: Features, examples: int) -> NDArray[np.int64]:
    """(examples,) the pieces of the longest sequence of each."""
    longest = np.zeros(examples, dtype=np.int64)
    np.maximum.at(longest, _example_of_sequences(features), np.diff(features.offsets))
    return longest


def unknown_rate(features: Features, tokenizer: Encoding) -> float:
    """Share of the texts' pieces that are ``[UNK]``."""
    vocabulary = tokenizer.vocabulary
    unknown = int((features.input_ids == vocabulary.unk_id).sum())
    special = int(np.isin(features.input_ids, [vocabulary.cls_id, vocabulary.sep_id]).sum())
    return unknown / max(1, len(features.input_ids) - special)


def length_findings(
    split: GivenSplit, lengths: Lengths, cut: Sequence[int], max_length: int, showing: Showing
) -> list[Finding]:
    """Too many examples that lose pieces (the rows ``cut``), and too many unknown pieces."""
    findings = []
    if is_over(len(cut), lengths.examples, CUT_TOLERATED):
        places = (split.shown(row, showing) for row in cut)
        findings.append(
            Finding(
                "warning",
                "length",
                split.name,
                len(cut),
                f"{len(cut):,} of {lengths.examples:,} examples ({percent(len(cut), lengths.examples)}) are longer "
                f"than {max_length} pieces and lose {lengths.lost:,} in all",
                showing.first(places),
                f"half of the examples have {lengths.median:,.0f} pieces or fewer, 95 % have "
                f"{lengths.percentile_95:,.0f}: --max-length, or --long of `bertcli finetune`",
            )
        )
    rate = lengths.unknown_rate
    if rate is not None and rate > UNKNOWN_TOLERATED:
        findings.append(
            Finding(
                "warning",
                "unknown",
                split.name,
                lengths.examples,
                f"{100 * rate:.1f} % of the pieces of {split.name} are unknown to the vocabulary",
                hint="is it the vocabulary of this language, with the right casing?",
            )
        )
    return findings


def word_length_findings(split: GivenSplit, lengths: Lengths, max_length: int, showing: Showing) -> list[Finding]:
    """Too many examples that have more words than a sequence has pieces."""
    longer = lengths.longer or 0
    if not is_over(longer, len(split), CUT_TOLERATED):
        return []
    rows = (row for row, text in enumerate(split.texts) if len(text.split()) > max_length)
    return [
        Finding(
            "warning",
            "length",
            split.name,
            longer,
            f"at least {longer:,} of {len(split):,} examples ({percent(longer, len(split))}) are longer than "
            f"{max_length} pieces: they have more words than that",
            showing.first(split.shown(row, showing) for row in rows),
            "--model DIR counts in pieces; --max-length, or --long of `bertcli finetune`",
        )
    ]
