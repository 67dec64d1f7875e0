"""Amounts of memory or text as people write them: ``2GB``, ``32MB``, ``20 kB``."""

from __future__ import annotations

import re

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}


def in_bytes(text: str, of: str = "memory") -> int:
    """``2GB`` or ``800MB`` as bytes. Raises ``ValueError`` where it is no amount ``of`` memory, or of what it names."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?b?)\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"expected an amount of {of} such as 2GB or 800MB, got {text!r}")
    unit = match[2].lower()
    return int(float(match[1]) * _UNITS[unit if unit.endswith("b") else f"{unit}b"])
