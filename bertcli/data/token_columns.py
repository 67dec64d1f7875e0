"""What objectives may read of every position beside its piece: columns (batch, seq), 0 at specials and padding.

=================  =====================================================================================
``word_starts``    1 where a word of the language begins: kept in the store, otherwise told by the pieces
``spans``          entities and phrases: 1 where one begins, 2 inside of it; kept in the store
``cased``          what a word's capitals were; kept in the store
=================  =====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bertcli.contracts.batch import Columns
from bertcli.data.layout import Layout
from bertcli.data.token_store import WORD_STARTS, TokenStore
from bertcli.errors import DataError
from bertcli.text.word_boundaries import WordBoundaries

MADE_BY = "bertcli mask build CORPUS"
_MISSING = {
    WORD_STARTS: ("these data do not tell where words begin", "--words spaces` (or jieba)"),
    "spans": ("these data have no entity spans", f"--spans-column NAME`, or `{MADE_BY} --phrases FILE`"),
    "cased": ("these data do not tell which words had capitals", "--capitals`"),
}
"""What the lack of a column means, and the options that keep it."""


class TokenColumns:
    """Reads the columns of ``names`` for the examples of a batch."""

    def __init__(self, names: frozenset[str], store: TokenStore, boundaries: WordBoundaries | None) -> None:
        """Raises ``DataError`` where the store does not have what a column is made of."""
        self._store = store
        self._boundaries = boundaries
        self._readers = {name: self._reader(name) for name in sorted(names)}

    def read(self, layout: Layout, columns: Columns) -> Columns:
        """The columns of a batch whose usual ``columns`` are there."""
        return {name: reader(layout, columns) for name, reader in self._readers.items()}

    def _reader(self, name: str) -> Callable[[Layout, Columns], NDArray[np.int64]]:
        is_kept = name in self._store.columns or not self._store.documents
        if name == WORD_STARTS and not is_kept and self._boundaries is not None:
            return self._word_starts
        if not is_kept:
            message, options = _MISSING[name]
            raise DataError(message, hint=f"build them again with `{MADE_BY} {options}")
        return lambda layout, columns: self._kept(name, layout)

    def _kept(self, name: str, layout: Layout) -> NDArray[np.int64]:
        """A column that the store keeps."""
        return layout.spread(self._store.gather(name, layout.starts, layout.ends)).astype(np.int64)

    def _word_starts(self, layout: Layout, columns: Columns) -> NDArray[np.int64]:
        assert self._boundaries is not None
        starts = self._boundaries.starts(columns["input_ids"])
        starts &= columns["special_tokens_mask"] == 0
        return starts.astype(np.int64)
