"""What every command that counts the words of a corpus may be told about it."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from bertcli.config.amounts import in_bytes
from bertcli.config.workers import Workers
from bertcli.core.settings import Flag

SMALLEST_MEMORY = 500 * 10**6


def _check_memory(text: str) -> str:
    if in_bytes(text) < SMALLEST_MEMORY:
        raise ValueError(f"{text} is too little: the program, a worker and the words of a small corpus need 500MB")
    return text


class Counting(Workers):
    """How much of the machine is used for counting words."""

    memory: Annotated[str, AfterValidator(_check_memory), Flag("--memory")] = "2GB"
    """Memory to use, whatever the corpus: where distinct words become too many, the rarest are dropped."""

    @property
    def memory_bytes(self) -> int:
        """The memory to use, in bytes."""
        return in_bytes(self.memory)
