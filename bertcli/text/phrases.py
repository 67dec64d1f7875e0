"""Phrases of a list, found in text by their pieces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bertcli.core.messages import notice
from bertcli.core.ranges import ranges
from bertcli.errors import InputFileError
from bertcli.text.lines import read_lines
from bertcli.text.spans import FIRST, INSIDE
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.word_boundaries import WordBoundaries

LONGEST_PHRASE = 64
"""Words of a phrase at most: more are a sentence."""
_TABLE_BITS = 22
_FIRST_FACTOR = 0x9E3779B1
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_STEP = np.uint64(0xD1342543DE82EF95)
"""Odd, so that its powers can be inverted modulo 2**64."""


def read_phrases(path: Path) -> dict[str, int]:
    """The phrases of a file, one a line, each with its first line; ``#`` begins a comment line.

    Raises ``InputFileError`` where there is none, or the file is not UTF-8.
    """
    phrases: dict[str, int] = {}
    try:
        for number, line in enumerate(read_lines(path), start=1):
            words = line.split()
            if words and not words[0].startswith("#"):
                phrases.setdefault(" ".join(words), number)
    except InputFileError as error:
        raise InputFileError(
            error.message, path=path, hint="--phrases takes a file of UTF-8 text with one phrase a line"
        ) from error
    if not phrases:
        raise InputFileError("no phrase in it", path=path, hint="--phrases takes a file with one phrase a line")
    return phrases


@dataclass(frozen=True)
class PhraseFinder:
    """Phrases as rows of piece ids, told apart by a hash of 64 bits of a phrase's ids and their number."""

    begins: NDArray[np.bool_]
    """(2 ** 22,) whether a phrase of two pieces or more begins with two of this hash."""
    singles: NDArray[np.bool_]
    """(vocab,) whether a piece is a phrase."""
    pairs: NDArray[np.int64]
    """(pairs,) the first two pieces that phrases have, sorted, as a number."""
    first_length: NDArray[np.int64]
    """(pairs + 1,) where in ``lengths`` those of each pair begin."""
    lengths: NDArray[np.int64]
    """How many pieces the phrases of a pair have, the longest first."""
    hashes: NDArray[np.uint64]
    """(phrases,) sorted."""

    @classmethod
    def of(cls, path: Path, tokenizer: Tokenizer) -> PhraseFinder:
        """For the phrases of a file. Raises ``InputFileError`` where it has none, or one of too many words."""
        phrases = read_phrases(path)
        rows = _encoded(phrases, path, tokenizer)
        size = tokenizer.vocabulary.size
        singles = np.zeros(size, np.bool_)
        singles[[row[0] for row in rows if len(row) == 1]] = True
        longer = [row for row in rows if len(row) > 1]
        lengths_of: dict[int, set[int]] = {}
        for row in longer:
            lengths_of.setdefault(row[0] << 32 | row[1], set()).add(len(row))
        pairs = np.array(sorted(lengths_of), np.int64)
        counts = np.array([len(lengths_of[pair]) for pair in pairs.tolist()], np.int64)
        lengths = [length for pair in pairs.tolist() for length in sorted(lengths_of[pair], reverse=True)]
        begins = np.zeros(1 << _TABLE_BITS, np.bool_)
        begins[_place_of_pair(pairs >> 32, pairs & 0xFFFFFFFF)] = True
        flat = np.array([number for row in longer for number in row], np.int64)
        ends = np.cumsum([len(row) for row in longer], dtype=np.int64)
        of_rows = np.array([len(row) for row in longer], np.int64)
        sums, powers = _running(flat)
        hashes = np.unique(_hash(sums, powers, ends - of_rows, of_rows))
        first_length = np.concatenate([[0], np.cumsum(counts)])
        return cls(begins, singles, pairs, first_length, np.array(lengths, np.int64), hashes)

    def mark(
        self,
        ids: NDArray[np.int32],
        sentence_ends: NDArray[np.int64],
        word_starts: NDArray[np.bool_],
        marks: NDArray[np.uint8],
    ) -> None:
        """Mark the phrases of sentences in ``marks`` (pieces,), as ``mark_spans`` does, where nothing is marked yet.

        From left to right, at each word the longest phrase that begins there and ends where a word ends, within its
        sentence. In vocabularies of SentencePiece a mark belongs to the word before it, so that a phrase before a
        comma is none there.
        """
        if not len(ids):
            return
        may_begin = np.append(word_starts, True)
        may_begin[0] = True
        may_begin[sentence_ends] = True
        taken = np.concatenate([[0], np.cumsum(marks > 0)])
        free_starts = may_begin[:-1] & (marks == 0)
        found = np.zeros(len(ids), np.int64)
        found[self.singles[ids] & free_starts & may_begin[1:]] = 1
        likely = free_starts[:-1] & self.begins[_place_of_pair(ids[:-1].astype(np.int64), ids[1:])]
        at = likely.nonzero()[0]
        pair = ids[at].astype(np.int64) << 32 | ids[at + 1]
        place = np.searchsorted(self.pairs, pair)
        is_pair = self.pairs[np.minimum(place, len(self.pairs) - 1)] == pair if len(self.pairs) else place < 0
        at, place = at[is_pair], place[is_pair]
        if len(at):
            self._longest(ids, sentence_ends, may_begin, taken, at, place, found)
        _mark_from_left(found, marks)

    def _longest(
        self,
        ids: NDArray[np.int32],
        sentence_ends: NDArray[np.int64],
        may_begin: NDArray[np.bool_],
        taken: NDArray[np.int64],
        at: NDArray[np.int64],
        place: NDArray[np.int64],
        found: NDArray[np.int64],
    ) -> None:
        """Write the length of the longest phrase at each of the places ``at`` into ``found``."""
        sums, powers = _running(ids)
        ends = sentence_ends[np.searchsorted(sentence_ends, at, side="right")]
        step, last = self.first_length[place], self.first_length[place + 1]
        while len(at):
            length = self.lengths[step]
            stop = at + length
            fits = stop <= ends
            stop = np.where(fits, stop, at)
            fits &= may_begin[stop] & (taken[stop] == taken[at])
            is_phrase = fits.copy()
            hashes = _hash(sums, powers, at[fits], length[fits])
            near = np.minimum(np.searchsorted(self.hashes, hashes), len(self.hashes) - 1)
            is_phrase[fits] = self.hashes[near] == hashes
            found[at[is_phrase]] = length[is_phrase]
            goes_on = ~is_phrase & (step + 1 < last)
            at, ends, step, last = at[goes_on], ends[goes_on], step[goes_on] + 1, last[goes_on]


def _encoded(phrases: dict[str, int], path: Path, tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    """The distinct phrases as ids; those with unknown pieces, which would be found everywhere, are left out."""
    texts = list(phrases)
    boundaries = WordBoundaries.of(tokenizer)
    encoded = tokenizer.encode(texts)
    for text, ids in zip(texts, encoded, strict=True):
        words = int(boundaries.starts(ids[None]).sum()) if len(ids) > LONGEST_PHRASE else 0
        if words > LONGEST_PHRASE:
            raise InputFileError(
                f"a phrase of {words} words, and {LONGEST_PHRASE} are the most",
                path=path,
                line=phrases[text],
                hint="--phrases takes a file with one phrase a line",
            )
    unknown = tokenizer.vocabulary.unk_id
    known = [bool(len(ids)) and unknown not in ids for ids in encoded]
    if not all(known):
        notice(f"{path}: {len(known) - sum(known):,} of {len(known):,} phrases have pieces the vocabulary lacks")
    if tokenizer.reads_spaces:
        encoded += tokenizer.encode([f" {text}" for text in texts])
        known += known
    return sorted({tuple(ids.tolist()) for ids, is_known in zip(encoded, known, strict=True) if is_known})


def _place_of_pair(first: NDArray[np.int64], second: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.int64]:
    return (first * _FIRST_FACTOR + second) & ((1 << _TABLE_BITS) - 1)


def _running(ids: NDArray[np.int64] | NDArray[np.int32]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Sums (pieces + 1,) of the mixed ids, each times a power of the step, and the step's inverse powers."""
    mixed = (ids.astype(np.uint64) + np.uint64(1)) * _HASH_FACTOR
    mixed ^= mixed >> np.uint64(29)
    powers = np.cumprod(np.full(len(ids), _STEP), dtype=np.uint64)
    inverse = np.uint64(pow(int(_STEP), -1, 1 << 64))
    backwards = np.cumprod(np.full(len(ids) + 1, inverse), dtype=np.uint64)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(mixed * powers, dtype=np.uint64)])
    return sums, backwards


def _hash(
    sums: NDArray[np.uint64], backwards: NDArray[np.uint64], at: NDArray[np.int64], lengths: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """A number for the pieces from each place on that does not depend on the place."""
    hashes: NDArray[np.uint64] = (sums[at + lengths] - sums[at]) * backwards[at] + lengths.astype(np.uint64)
    return hashes


def _mark_from_left(found: NDArray[np.int64], marks: NDArray[np.uint8]) -> None:
    """Mark phrases by their lengths (0: none) where they begin; one that begins within another is passed over."""
    places = found.nonzero()[0]
    free = 0
    chosen = []
    for number, (at, length) in enumerate(zip(places.tolist(), found[places].tolist(), strict=True)):
        if at >= free:
            chosen.append(number)
            free = at + length
    starts = places[chosen]
    lengths = found[starts]
    marks[ranges(starts, lengths)] = INSIDE
    marks[starts] = FIRST
