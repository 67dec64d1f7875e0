"""Examples of dev and test that are nearly training examples, found by MinHash over the words of their texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from bertcli.data.findings import Finding, Showing, percent
from bertcli.data.near_duplicates import Signatures, minima_of, nearest, runs_of_words
from bertcli.data.repeated_examples import GivenSplit
from bertcli.text.ideographs import IDEOGRAPHS

_WORD = re.compile(rf"[{IDEOGRAPHS}]|[^\W{IDEOGRAPHS}]+")
_EXAMPLES_PER_BLOCK = 20_000


def near_duplicate_findings(splits: Sequence[GivenSplit], threshold: float, showing: Showing) -> list[Finding]:
    """Held-out examples with a training example at least as near as ``threshold`` that is not the same.

    The first of ``splits`` is the training split. Always a warning: the index is estimated, and texts that follow one
    pattern are near without being copies.
    """
    train, *others = splits
    if not others:
        return []
    known = np.concatenate([signatures_of(split.keys) for split in others])
    near = nearest(known, _blocks(train.keys), threshold=threshold)
    firsts = np.cumsum([0, *map(len, others)]).tolist()
    findings = []
    for split, first in zip(others, firsts, strict=False):
        of_split = [(pair.held_out - first, pair) for pair in near if 0 <= pair.held_out - first < len(split)]
        found = [(row, pair) for row, pair in of_split if split.keys[row] and split.keys[row] not in train.first_rows]
        if not found:
            continue
        places = (
            split.shown(row, showing, same_as=train.place(pair.training), note=f"Jaccard index {pair.jaccard:.2f}")
            for row, pair in found
        )
        findings.append(
            Finding(
                "warning",
                "near-duplicates",
                f"{train.name}/{split.name}",
                len(found),
                f"{len(found):,} of the {len(split):,} examples of {split.name} ({percent(len(found), len(split))}) "
                f"are nearly in {train.name}: they share most runs of five words with an example there",
                showing.first(places),
            )
        )
    return findings


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, Signatures]]:
    for first in range(0, len(texts), _EXAMPLES_PER_BLOCK):
        yield first, signatures_of(texts[first : first + _EXAMPLES_PER_BLOCK])


def signatures_of(texts: Sequence[str]) -> Signatures:
    """(texts, minima); words are what stands between other characters, and each ideograph."""
    hashes: dict[str, int] = {}
    words: list[int] = []
    starts = np.zeros(len(texts), dtype=np.int64)
    for number, text in enumerate(texts):
        starts[number] = len(words)
        for word in _WORD.findall(text) or [text]:  # a text without words is one by itself
            known = hashes.get(word)
            if known is None:
                digest = blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                known = hashes[word] = int.from_bytes(digest, "little")
            words.append(known)
    if not texts:
        return np.zeros((0, 0), dtype=np.uint32)
    of_words: NDArray[np.uint64] = np.asarray(words, dtype=np.uint64)
    return minima_of(runs_of_words(of_words, starts))
