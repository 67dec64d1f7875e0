"""What every command that counts the words of a corpus may be told about it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

from bertcli.config.workers import Workers
from bertcli.core.settings import Flag

_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40}
SMALLEST_MEMORY = 500 * 10**6


def _check_memory(text: str) -> str:
    if in_bytes(text) < SMALLEST_MEMORY:
        raise ValueError(f"{text} is too little: the program, a worker and the words of a small corpus need 500MB")
    return text


def in_bytes(text: str) -> int:
    """``2GB`` or ``800MB`` as bytes. Raises ``ValueError`` where it is no amount of memory."""
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([kmgt]i?b?)\s*", text, re.IGNORECASE)
    if match is None:
        raise ValueError(f"expected an amount of memory such as 2GB or 800MB, got {text!r}")
    unit = match[2].lower()
    return int(float(match[1]) * _UNITS[unit if unit.endswith("b") else f"{unit}b"])


class Counting(Workers):
    """How much of the machine is used for counting words."""

    memory: Annotated[str, AfterValidator(_check_memory), Flag("--memory")] = "2GB"
    """Memory to use, whatever the corpus: where distinct words become too many, the rarest are dropped."""

    @property
    def memory_bytes(self) -> int:
        """The memory to use, in bytes."""
        return in_bytes(self.memory)
