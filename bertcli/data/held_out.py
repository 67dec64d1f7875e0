"""Which documents are held out: decided by the hash of a document's text, so that copies stay together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from bertcli.text.document_hash import document_hash

Item = TypeVar("Item")

SMALLEST_CORPUS = 10
"""With fewer documents none is held out; from here on never fewer than one."""


def split_documents(documents: Iterable[tuple[str, Item]], share: float) -> Iterator[tuple[bool, Item]]:
    """Decide for each (text or group, item) whether it is held out; yields ``(held_out, item)``.

    Until a document is held out, those of the text or group with the smallest hash so far wait in memory, for at the
    end they may be the only ones. Apart from them the order is kept.
    """
    bound = int(share * 2**64)
    waiting: list[Item] = []
    smallest: int | None = None
    seen = 0
    is_settled = share == 0
    for text, item in documents:
        seen += 1
        key = document_hash(text)
        if is_settled or key < bound:
            is_settled = True
            yield from ((False, former) for former in waiting)
            waiting = []
            yield key < bound, item
        elif smallest is None or key < smallest:
            yield from ((False, former) for former in waiting)
            smallest, waiting = key, [item]
        elif key == smallest:
            waiting.append(item)
        else:
            yield False, item
    fallback = not is_settled and seen >= SMALLEST_CORPUS and len(waiting) < seen
    yield from ((fallback, item) for item in waiting)
