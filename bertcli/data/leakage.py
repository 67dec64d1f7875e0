"""Leakage: documents that are in training and held out at once, and documents that are there twice."""

from __future__ import annotations

from hashlib import blake2b
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.audit import Check, exact, informative
from bertcli.data.documents import document_blocks
from bertcli.data.token_store import TokenStore

LEAKED = "held-out documents that are also in training"


def leakage_checks(training: TokenStore, held_out: TokenStore) -> list[Check]:
    """No held-out document may be, piece for piece, a training document; repeated documents are only told."""
    known = document_hashes(training)
    repeated = informative("share of training documents that repeat another", _share_repeated(known))
    if not held_out.documents:
        return [repeated]
    leaked = np.isin(document_hashes(held_out), known)
    return [exact(LEAKED, float(leaked.sum()), 0), repeated]


def document_hashes(store: TokenStore) -> NDArray[np.uint64]:
    """(documents,) a hash of each document's sequence of pieces: 64 bits, so that two alike are the same document."""
    hashes = []
    for block in document_blocks(store):
        content, size = memoryview(block.ids.tobytes()), block.ids.itemsize
        bounds = [*(block.starts * size).tolist(), len(content)]
        digests = [blake2b(content[a:b], digest_size=8).digest() for a, b in pairwise(bounds)]
        hashes.append(np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64))
    return np.concatenate(hashes) if hashes else np.zeros(0, np.uint64)


def _share_repeated(hashes: NDArray[np.uint64]) -> float:
    return 1 - len(np.unique(hashes)) / max(1, len(hashes))
