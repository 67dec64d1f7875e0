"""Items of a stream gathered into blocks of some size, so that work is done on many at a time in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def in_blocks(items: Iterable[Item], most: int, size: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Blocks that end with the item by which their sizes reach ``most``; none is empty."""
    block: list[Item] = []
    total = 0
    for item in items:
        block.append(item)
        total += size(item)
        if total >= most:
            yield block
            block, total = [], 0
    if block:
        yield block
