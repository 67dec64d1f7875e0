"""What data, objectives and architectures know of a vocabulary: facts, not a tokenizer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Vocabulary:
    """Size, special ids and casing. ``special_ids`` holds all specials, sorted."""

    size: int
    pad_id: int
    unk_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    special_ids: tuple[int, ...]
    lowercase: bool
    fingerprint: str

    @cached_property
    def is_special(self) -> NDArray[np.bool_]:
        """(vocab,) whether each id is a special."""
        return np.isin(np.arange(self.size), self.special_ids)

    @cached_property
    def ordinary_ids(self) -> NDArray[np.int64]:
        """All ids that are no specials: what a random replacement is drawn from."""
        return np.flatnonzero(~self.is_special)

    def dump(self) -> dict[str, Any]:
        """As JSON values, for manifests."""
        return asdict(self)

    @classmethod
    def from_dump(cls, values: dict[str, Any]) -> Vocabulary:
        """The inverse of ``dump``."""
        return cls(**{**values, "special_ids": tuple(values["special_ids"])})
