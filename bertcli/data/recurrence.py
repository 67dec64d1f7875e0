"""Which tokens of some runs stand in their document outside of the run as well."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bertcli.data.documents import document_of
from bertcli.data.token_store import TokenStore

LONG_DOCUMENT = 1 << 15
"""Pieces from which on a document's counts are kept: shorter ones are counted fast enough again and again."""
BYTES_KEPT = 1 << 27


class Recurrence:
    """Answers for one store. The documents asked for are counted, and counts of long ones are kept for a while.

    Counts of a whole store would take more memory than its pieces: of those kept, the ones not asked for longest make
    room. Several threads may ask at once.
    """

    def __init__(self, store: TokenStore, *, kept_from: int = LONG_DOCUMENT, bytes_kept: int = BYTES_KEPT) -> None:
        """Counts of documents with ``kept_from`` pieces or more are kept, in so many bytes at most."""
        self._store = store
        self._kept_from = kept_from
        self._bytes_to_keep = bytes_kept
        self._kept: dict[int, _Counts] = {}
        self._lock = threading.Lock()
        self.bytes_kept = 0

    def stand_elsewhere(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(tokens,) for the tokens of runs that lie in one document each, one run after the other.

        A token's piece stands elsewhere where its document has it more often than its run. Each document is read once
        at most, however many of the runs are of it.
        """
        lengths = ends - starts
        own = self._store.gather("input_ids", starts, ends)
        in_document = np.zeros(len(own), dtype=np.int64)
        documents, number_of_run = np.unique(document_of(self._store, starts), return_inverse=True)
        ends_here = np.cumsum(lengths).tolist()
        by_document = np.argsort(number_of_run, kind="stable")
        groups = np.split(by_document, np.flatnonzero(np.diff(number_of_run[by_document])) + 1)
        begins, stops = self._store.document_starts[documents], self._store.document_starts[documents + 1]
        is_long = stops - begins >= self._kept_from
        short = self._store.gather("input_ids", begins[~is_long], stops[~is_long])
        at = 0
        facts = zip(documents.tolist(), (stops - begins).tolist(), is_long.tolist(), groups, strict=False)
        for document, length, is_kept, group in facts:
            counts: _Counts | NDArray[np.int64]
            if is_kept:
                counts = self._counts(document)
            else:
                counts = np.bincount(short[at : at + length])
                at += length
            for run in group.tolist():
                here = slice(ends_here[run] - int(lengths[run]), ends_here[run])
                in_document[here] = counts[own[here]]
        return in_document > _counts_in_run(own, lengths)

    def _counts(self, document: int) -> _Counts:
        """The counts of a long document: as kept, or counted now."""
        with self._lock:
            counts = self._kept.pop(document, None)
            if counts is not None:
                self._kept[document] = counts  # as the last that was asked for
                return counts
        start, end = self._store.document_starts[document : document + 2].tolist()
        counts = _Counts(self._store.read(start, end))
        with self._lock:
            if document not in self._kept:
                self._kept[document] = counts
                self.bytes_kept += counts.nbytes
            while self.bytes_kept > self._bytes_to_keep:
                self.bytes_kept -= self._kept.pop(next(iter(self._kept))).nbytes
        return counts


class _Counts:
    """How often each piece stands in a document, by the pieces that do."""

    def __init__(self, ids: NDArray[Any]) -> None:
        counts = np.bincount(ids)
        self._pieces = np.flatnonzero(counts).astype(ids.dtype)
        self._counts = counts[self._pieces].astype(np.int32)

    @property
    def nbytes(self) -> int:
        return int(self._pieces.nbytes + self._counts.nbytes)

    def __getitem__(self, ids: NDArray[Any]) -> NDArray[np.int32]:
        """Of pieces that all stand in it."""
        found: NDArray[np.int32] = self._counts[np.searchsorted(self._pieces, ids)]
        return found


def _counts_in_run(own: NDArray[np.generic], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(tokens,) how often the piece of each token stands in its run."""
    keys = (np.repeat(np.arange(len(lengths)), lengths) << 32) | own.astype(np.int64)
    _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = counts[number]
    return found
