"""A plan: what the examples of one epoch are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Plan:
    """The examples of one epoch.

    Example ``i`` is made of the pieces ``first_piece[i]`` to ``first_piece[i + 1]``. Piece ``p`` is the tokens
    ``bounds[p, 0]`` to ``bounds[p, 1]`` of the store and belongs to segment ``segments[p]``; each is followed by
    ``[SEP]``. ``relation[i]`` is the index of the relation of an example's segments, or -1.
    """

    bounds: NDArray[np.int64]
    segments: NDArray[np.int8]
    first_piece: NDArray[np.int64]
    relation: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.relation)

    @classmethod
    def joined(cls, parts: Sequence[Plan]) -> Plan:
        """The examples of all parts, one part after the other."""
        pieces = np.cumsum([0, *(len(part.segments) for part in parts)])
        return cls(
            bounds=np.concatenate([np.zeros((0, 2), np.int64), *(part.bounds for part in parts)]),
            segments=np.concatenate([np.zeros(0, np.int8), *(part.segments for part in parts)]),
            first_piece=np.concatenate(
                [
                    *(part.first_piece[:-1] + before for part, before in zip(parts, pieces[:-1], strict=True)),
                    pieces[-1:],
                ]
            ),
            relation=np.concatenate([np.zeros(0, np.int8), *(part.relation for part in parts)]),
        )
