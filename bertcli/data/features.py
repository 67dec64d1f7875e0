"""Sequences for supervised tasks: ``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``, all encoded once into flat arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.task import Encoding, Features
from bertcli.data.truncation import truncated_lengths


def encode_sequences(
    first: Sequence[str], second: Sequence[str] | None, tokenizer: Encoding, *, max_length: int
) -> Features:
    """One sequence per text, or per pair of texts, of at most ``max_length`` pieces with the special ones.

    Single texts lose their tail; of a pair the longer segment is cut first (Devlin et al. 2019, ``run_classifier.py``).
    """
    pieces_a = tokenizer.encode(first)
    pieces_b = tokenizer.encode(second) if second is not None else None
    whole_a = _lengths(pieces_a)
    whole_b = _lengths(pieces_b) if pieces_b is not None else np.zeros_like(whole_a)
    specials = 3 if pieces_b is not None else 2
    kept_a, kept_b = truncated_lengths(whole_a, whole_b, max_length - specials)

    vocabulary = tokenizer.vocabulary
    cls = np.asarray([vocabulary.cls_id], dtype=np.int32)
    sep = np.asarray([vocabulary.sep_id], dtype=np.int32)
    parts: list[NDArray[np.int32]] = []
    for row, (a, b) in enumerate(zip(kept_a.tolist(), kept_b.tolist(), strict=True)):
        parts += (cls, pieces_a[row][:a], sep)
        if pieces_b is not None:
            parts += (pieces_b[row][:b], sep)
    lengths = kept_a + kept_b + specials
    return Features(
        input_ids=np.concatenate(parts, dtype=np.int32),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        second_starts=kept_a + 2 if pieces_b is not None else lengths,
        lost=(whole_a - kept_a) + (whole_b - kept_b),
        examples=np.arange(len(first), dtype=np.int64),
    )


def _lengths(pieces: Sequence[NDArray[np.int32]]) -> NDArray[np.int64]:
    return np.fromiter(map(len, pieces), dtype=np.int64, count=len(pieces))
