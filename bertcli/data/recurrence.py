"""Which tokens of some runs stand in their document outside of the run as well."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.data.token_store import TokenStore


def stand_elsewhere(store: TokenStore, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(tokens,) for the tokens of runs that lie in one document each, one run after the other.

    A token's piece stands elsewhere where its document has it more often than its run. The documents are counted when
    they are asked for, since counts of a whole store would take more memory than its pieces; each is read once, however
    many of the runs are of it.
    """
    lengths = ends - starts
    own = store.gather("input_ids", starts, ends)
    in_document = np.zeros(len(own), dtype=np.int64)
    document_of_run = np.searchsorted(store.document_starts, starts, side="right") - 1
    documents, number_of_run = np.unique(document_of_run, return_inverse=True)
    begins, stops = store.document_starts[documents], store.document_starts[documents + 1]
    ids = store.gather("input_ids", begins, stops)
    stops_here = np.cumsum(stops - begins).tolist()
    ends_here = np.cumsum(lengths).tolist()
    by_document = np.argsort(number_of_run, kind="stable")
    groups = np.split(by_document, np.flatnonzero(np.diff(number_of_run[by_document])) + 1)
    for begin, stop, group in zip([0, *stops_here], stops_here, groups, strict=False):
        counts = np.bincount(ids[begin:stop])
        for run in group.tolist():
            here = slice(ends_here[run] - int(lengths[run]), ends_here[run])
            in_document[here] = counts[own[here]]
    return in_document > _counts_in_run(own, lengths)


def _counts_in_run(own: NDArray[np.generic], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(tokens,) how often the piece of each token stands in its run."""
    keys = (np.repeat(np.arange(len(lengths)), lengths) << 32) | own.astype(np.int64)
    _, number, counts = np.unique(keys, return_inverse=True, return_counts=True)
    found: NDArray[np.int64] = counts[number]
    return found
