"""Relations: how segment B of a pair may stand to segment A, and what each asks of the documents.

============  =========================================================================================
``next``      B follows A in their document
``swapped``   A follows B: the same two segments in the wrong order
``distant``   B is of A's document, with at least one sentence between the two
``random``    B is of another document
============  =========================================================================================
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bertcli.data.token_store import TokenStore
from bertcli.errors import DataError

FROM_ELSEWHERE = frozenset({"distant", "random"})
"""Relations whose B is not what follows A, which is then used again."""

_SENTENCES = {"next": 2, "swapped": 2, "distant": 3, "random": 1}


def lone_is_unused(relations: tuple[str, ...]) -> bool:
    """Whether a sentence without a neighbour gives no pair, as no relation takes B from another document."""
    return bool(relations) and "random" not in relations


def pairing_fault(store: TokenStore, relations: tuple[str, ...]) -> DataError | None:
    """Why these documents give no pair at all; None where they give some."""
    if "random" in relations and store.documents == 1:
        return DataError(
            "random next segments need at least two documents, there is one",
            hint="separate documents with blank lines, or say --documents line when every line is one",
        )
    if lone_is_unused(relations) and store.documents and sentence_counts(store).max() < 2:
        return DataError(
            "two neighbouring segments need a document of at least two sentences, and every one has a single sentence",
            hint="build the data again with documents of several sentences (--documents blank-line or file of "
            "`bertcli mask build`)",
        )
    return None


def short_documents(store: TokenStore, relations: tuple[str, ...]) -> str | None:
    """A sentence on the documents that are too short for some relation, counted; None where there are none."""
    needed = max((_SENTENCES[name] for name in relations), default=1)
    counts = sentence_counts(store)
    short = int((counts < needed).sum())
    if not short:
        return None
    if "random" in relations and counts.max() < 2:
        return (
            "every document has a single sentence: all pairs are of two documents, and there is nothing to tell apart"
        )
    lacking = " or ".join(f"{name!r}" for name in relations if _SENTENCES[name] > 1)
    effect = "give no pair" if lone_is_unused(relations) else f"give fewer pairs called {lacking}, or none"
    return f"{short:,} of {store.documents:,} documents have fewer than {needed} sentences: they {effect}"


def sentence_counts(store: TokenStore) -> NDArray[np.int64]:
    """(documents,) how many sentences each has."""
    return np.diff(store.sentence_starts)
