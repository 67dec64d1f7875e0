"""Stores without pieces: plans look at where sentences end, and at nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from bertcli.data.token_store import TokenStore


def _store_of(documents: Sequence[Sequence[int]]) -> TokenStore:
    store = TokenStore.__new__(TokenStore)
    counts = [len(sentences) for sentences in documents]
    store.sentence_starts = np.cumsum([0, *counts]).astype(np.int64)
    store.sentence_ends = np.cumsum([length for sentences in documents for length in sentences]).astype(np.int64)
    store.document_starts = np.append(0, store.sentence_ends)[store.sentence_starts]
    return store


@pytest.fixture(scope="session")
def store_of() -> Callable[[Sequence[Sequence[int]]], TokenStore]:
    """``store_of([[3, 5], [2]])``: a document of two sentences of 3 and 5 pieces, and one of a sentence of 2."""
    return _store_of
