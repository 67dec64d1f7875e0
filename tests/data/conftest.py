"""Stores without pieces, as plans look at where sentences end and at nothing else; and the splits of labelled files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from bertcli.contracts.task import Task
from bertcli.data.splits import Splits, make_splits, read_tables
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


def splits_of(task: Task, files: Mapping[str, Sequence[tuple[str, Sequence[Path]]]]) -> Splits:
    """The splits of files, with all their examples."""
    read, sha256 = read_tables(task, files)
    return make_splits(task, read, sha256=sha256, limit=None, seed=0)
