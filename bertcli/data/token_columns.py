"""What objectives may read of every position beside its piece: columns (batch, seq), 0 at specials and padding.

=================  =====================================================================================
``word_starts``    1 where a word of the language begins: kept in the store, otherwise told by the pieces
``spans``          entities and phrases: 1 where one begins, 2 inside of it; kept in the store
``cased``          1 where the piece's word began with a capital letter before lower-casing: kept in the store
``recurs``         1 where the piece also stands in its document outside of its run: found in the store
=================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import Columns
from bertcli.data.layout import Layout
from bertcli.data.recurrence import Recurrence
from bertcli.data.token_store import MADE_BY, WORD_STARTS, TokenStore
from bertcli.errors import DataError
from bertcli.text.word_boundaries import WordBoundaries

_MISSING = {
    WORD_STARTS: ("these data do not tell where words begin", "--words spaces` (or jieba)"),
    "spans": ("these data have no entity spans", f"--spans-column NAME`, or `{MADE_BY} --phrases FILE`"),
    "cased": ("these data do not tell which words had capitals", "--capitals`"),
}
"""What the lack of a column means, and the options that keep it."""


def check_kept(names: Collection[str], kept: Collection[str], *, lowercase: bool) -> None:
    """Raise ``DataError`` where one of ``names`` has to be ``kept`` in the store and is not.

    ``lowercase``: whether text loses its capitals on the way to pieces.
    """
    for name in sorted(_MISSING.keys() & names):
        if name == "cased" and not lowercase:
            raise DataError(
                "the vocabulary keeps capitals: the pieces themselves show which words are capitalised",
                hint="leave out capitalization, or build the data with a vocabulary that lower-cases",
            )
        if name not in kept:
            message, options = _MISSING[name]
            raise DataError(message, hint=f"build them again with `{MADE_BY} {options}")


class TokenColumns:
    """Reads the columns of ``names`` for the examples of a batch."""

    def __init__(
        self,
        names: frozenset[str],
        store: TokenStore,
        boundaries: WordBoundaries | None,
        *,
        lowercase: bool = True,
    ) -> None:
        """``lowercase``: whether text lost its capitals on the way to pieces.

        Raises ``DataError`` where the store does not have what a column is made of.
        """
        self._store = store
        self._recurrence = Recurrence(store)
        self._boundaries = boundaries
        self._lowercase = lowercase
        self._readers = {name: self._reader(name) for name in sorted(names)}

    def read(self, layout: Layout, columns: Columns) -> Columns:
        """The columns of a batch whose usual ``columns`` are there."""
        return {name: reader(layout, columns) for name, reader in self._readers.items()}

    def _reader(self, name: str) -> Callable[[Layout, Columns], NDArray[np.int64]]:
        is_kept = name in self._store.columns or not self._store.documents
        if name == WORD_STARTS and not is_kept and self._boundaries is not None:
            return self._word_starts
        if name == "recurs":
            return self._recurs
        check_kept({name}, {name} if is_kept else (), lowercase=self._lowercase)
        return lambda layout, columns: self._kept(name, layout)

    def _kept(self, name: str, layout: Layout) -> NDArray[np.int64]:
        """A column that the store keeps."""
        return layout.spread(self._store.gather(name, layout.starts, layout.ends)).astype(np.int64)

    def _recurs(self, layout: Layout, columns: Columns) -> NDArray[np.int64]:
        found = layout.spread(self._recurrence.stand_elsewhere(layout.starts, layout.ends)).astype(np.int64)
        return np.where(columns["special_tokens_mask"] == 0, found, 0)

    def _word_starts(self, layout: Layout, columns: Columns) -> NDArray[np.int64]:
        assert self._boundaries is not None
        starts = self._boundaries.starts(columns["input_ids"])
        starts &= columns["special_tokens_mask"] == 0
        return starts.astype(np.int64)
