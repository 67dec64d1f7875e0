"""Building token stores: documents to shards, one after the other, in constant memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from bertcli.core.atomic import sync_file
from bertcli.core.blocks import in_blocks
from bertcli.core.messages import Progress
from bertcli.core.workers import ALONE, Pool, map_in_order
from bertcli.data.chunk_encoding import ChunkEncoder, EncodedChunk
from bertcli.data.corpus_shards import ShardName
from bertcli.data.finished_shards import COUNTED, FinishedShard, Notes
from bertcli.data.held_out import HeldOut, SmallestHash
from bertcli.data.shards import ShardFile
from bertcli.data.token_store import ShardWriter
from bertcli.text.corpus import Document
from bertcli.text.spans import Spans

SPLITS = ("train", "heldout")
_CHARACTERS_PER_CALL = 2_000_000

Placed = tuple[ShardName, bool, Document]
"""A document with its shard, and whether that shard is this job's to make."""


@dataclass(frozen=True)
class _Block:
    """Documents of one shard that are encoded together: the shard's number in the store, and their hashes."""

    shard: ShardName
    number: int
    keys: list[int]


def write_shards(
    store: Path,
    documents: Iterable[Placed],
    make_encoder: partial[ChunkEncoder],
    *,
    schema: pa.Schema,
    held_out: HeldOut,
    notes: Notes,
    workers: Pool = ALONE,
    progress: Progress,
) -> None:
    """Write the files of all shards that are this job's and not in the notes yet, and note each.

    ``train`` and ``heldout`` lie under ``store``. A document's group, where it has one, is held out whole.
    """
    for split in SPLITS:
        (store / split).mkdir(parents=True, exist_ok=True)
    blocks: deque[_Block] = deque()
    encoded = map_in_order(make_encoder, _blocks(documents, held_out, notes, blocks), workers=workers)
    totals = dict.fromkeys(("characters", "tokens"), 0)
    for shard in notes.ordered():
        totals["characters"] += shard.counted["characters"]
        totals["tokens"] += sum(file.counts["tokens"] for file in shard.files.values())
    # Results come in the order of the blocks, each of which was put into the queue before its documents were taken.
    for shard_name, chunks in groupby(((blocks.popleft(), chunk) for chunk in encoded), key=lambda pair: pair[0].shard):
        writer: _Shard | None = None
        with ExitStack() as stack:
            for block, chunk in chunks:
                if writer is None:
                    writer = stack.enter_context(_Shard(store, shard_name, block.number, schema))
                writer.add(block, chunk)
                totals["characters"] += chunk.characters
                totals["tokens"] += len(chunk.documents.ids)
                progress.update(totals["characters"], f"{totals['tokens']:,} tokens")
        assert writer is not None
        notes.add(writer.finished())


def _blocks(
    documents: Iterable[Placed], held_out: HeldOut, notes: Notes, blocks: deque[_Block]
) -> Iterator[list[tuple[bool, str, Spans]]]:
    """What is to be encoded, and into ``blocks`` what belongs to it."""
    for number, (shard, run) in enumerate(groupby(documents, key=lambda placed: placed[0])):
        if shard in notes.shards:
            continue
        own = (doc for _, is_own, doc in run if is_own)
        keyed = ((doc.text if doc.group is None else doc.group, doc) for doc in own)
        for block in in_blocks(held_out.split(keyed), _CHARACTERS_PER_CALL, lambda item: len(item[2].text)):
            blocks.append(_Block(shard, number, [key for _, key, _ in block]))
            yield [(is_held_out, document.text, document.spans) for is_held_out, _, document in block]


class _Shard:
    """Writes the files of one shard; a context."""

    def __init__(self, store: Path, name: ShardName, number: int, schema: pa.Schema) -> None:
        self._store, self._name = store, name
        file = shard_file_name(number)
        self._writers = {split: ShardWriter(store / split / file, schema) for split in SPLITS}
        self._counted = dict.fromkeys(COUNTED, 0)
        self._smallest = SmallestHash()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for writer in self._writers.values():
            self._stack.enter_context(writer)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def add(self, block: _Block, chunk: EncodedChunk) -> None:
        train = self._writers["train"]
        rows = chunk.documents.have_pieces & (chunk.held_out == 0)
        self._smallest.add(np.array(block.keys, dtype=np.uint64)[rows], train.documents)
        for is_held_out, split in enumerate(SPLITS):
            self._writers[split].add(chunk.documents.where(chunk.held_out == is_held_out))
        for name in COUNTED:
            self._counted[name] += getattr(chunk, name)

    def finished(self) -> FinishedShard:
        """After the files are closed."""
        files = {}
        for split, writer in self._writers.items():
            if writer.documents:
                sync_file(writer.path)
                files[split] = ShardFile.of(writer.path, writer.counts())
        return FinishedShard(self._name, files, self._counted, None if "heldout" in files else self._smallest)


def shard_file_name(number: int) -> str:
    """The name of a shard's files, in either split."""
    return f"data-{number:05d}.arrow"
