"""The documents of a token store, block by block, so that any store is read through in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.data.token_store import TokenStore

_TOKENS_PER_BLOCK = 2_000_000


@dataclass(frozen=True)
class DocumentBlock:
    """Whole documents, one after the other, from document ``first`` of the store on."""

    first: int
    ids: NDArray[Any]
    """(pieces,)"""
    starts: NDArray[np.int64]
    """(documents,) where each begins in ``ids``."""


def document_blocks(store: TokenStore) -> Iterator[DocumentBlock]:
    """Blocks of some two million pieces, more where a single document has more."""
    starts, first = store.document_starts, 0
    while first < store.documents:
        fitting = int(np.searchsorted(starts, starts[first] + _TOKENS_PER_BLOCK, side="right")) - 1
        last = max(fitting, first + 1)
        ids = store.gather("input_ids", starts[first:last], starts[first + 1 : last + 1])
        yield DocumentBlock(first, ids, starts[first:last] - starts[first])
        first = last


def document_of(store: TokenStore, tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """The document that each token of the store belongs to."""
    documents: NDArray[np.int64] = np.searchsorted(store.document_starts, tokens, side="right") - 1
    return documents
