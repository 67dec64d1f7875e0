"""Many strings at a time as runs of bytes: their UTF-8 one after the other, without a Python object for each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa

from bertcli.core.runs import Runs


def bytes_of_texts(texts: Sequence[str]) -> Runs:
    """A copy of texts."""
    encoded = [text.encode() for text in texts]
    lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
    return Runs.with_lengths(np.frombuffer(b"".join(encoded), np.uint8), lengths)


def bytes_of_array(array: pa.LargeStringArray) -> Runs:
    """A view of an array without nulls; ``to_numpy`` would import pandas."""
    _, offsets, data = array.buffers()
    found = np.frombuffer(offsets, np.int64, len(array) + 1, array.offset * 8) if offsets else np.zeros(1, np.int64)
    return Runs(np.frombuffer(data, np.uint8) if data else np.zeros(0, np.uint8), found)


def array_of_bytes(strings: Runs) -> pa.LargeStringArray:
    """As Arrow's, without copying."""
    buffers = [None, pa.py_buffer(strings.offsets), pa.py_buffer(strings.values)]
    return pa.Array.from_buffers(pa.large_string(), len(strings), buffers)


def texts_of_bytes(strings: Runs) -> list[str]:
    """As Python's."""
    whole = strings.values.tobytes()
    return [whole[begin:end].decode() for begin, end in pairwise(strings.offsets.tolist())]
