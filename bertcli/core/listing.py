"""Lists of names in messages: the first of them, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence


def listed(names: Sequence[str], *, most: int) -> str:
    """``a, b and 3 more``; all of them where they are no more than ``most``."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
