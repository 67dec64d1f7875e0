"""Finishing a token store whose shards are there: one document is held out at least, and ``datasets`` can open it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bertcli.core.atomic import sync_file
from bertcli.data.arrow_files import FIRST_FILE, describe_split, read_record_batches, read_schema, write_split_names
from bertcli.data.building import SPLITS
from bertcli.data.finished_shards import COUNTED, FinishedShard
from bertcli.data.held_out import HeldOut, SmallestHash, smallest_to_hold_out
from bertcli.data.shards import ShardFile, sum_counts
from bertcli.data.token_store import EncodedDocuments, ShardWriter
from bertcli.errors import InputFileError


@dataclass(frozen=True)
class StoreFacts:
    """What is known of a finished store: its files by split, what was counted, and how documents are held out."""

    files: dict[str, list[ShardFile]]
    counted: dict[str, int]
    held_out: HeldOut
    smallest: dict[str, SmallestHash]
    """While none is held out: the smallest hashes of each training file."""

    @classmethod
    def of(cls, shards: Sequence[FinishedShard], held_out: HeldOut) -> Self:
        """Of a store that these shards make, in their order."""
        is_any_held_out = any(shard.documents("heldout") for shard in shards)
        return cls(
            {split: [shard.files[split] for shard in shards if split in shard.files] for split in SPLITS},
            {name: sum(shard.counted[name] for shard in shards) for name in COUNTED},
            held_out,
            {} if is_any_held_out or not held_out.share else _smallest(shards),
        )

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """What each split holds."""
        return {split: sum_counts(files) for split, files in self.files.items()}

    @property
    def unknown_rate(self) -> float:
        """Unknown pieces in all pieces."""
        return self.counted["unknown"] / max(1, sum(counts.get("tokens", 0) for counts in self.counts.values()))

    @property
    def ideographs_per_word(self) -> float:
        """Of words that begin with an ideograph; 0 where there are none, or where words are not kept."""
        return self.counted["ideographs"] / max(1, self.counted["chinese_words"])

    def dump(self) -> dict[str, Any]:
        """For the manifest."""
        return {
            "counts": self.counts,
            "counted": self.counted,
            "held_out": {
                "share": self.held_out.share,
                "key": self.held_out.key,
                "smallest": {name: smallest.dump() for name, smallest in self.smallest.items()},
            },
            "shards": dump_files(self.files),
        }


def dump_files(files: dict[str, list[ShardFile]]) -> dict[str, list[dict[str, Any]]]:
    """Files by split as the manifest lists them."""
    return {split: [file.dump() for file in of_split] for split, of_split in files.items()}


def finish_store(store: Path, shards: Sequence[FinishedShard], share: float) -> StoreFacts:
    """See to it that some document is held out, and that every split has a file; remove what belongs to neither.

    Raises ``InputFileError`` where no document has any pieces.
    """
    shards, held_out = hold_out_one(store, shards, HeldOut(share))
    facts = StoreFacts.of(shards, held_out)
    some = next((store / split / file.file for split in SPLITS for file in facts.files[split]), None)
    if some is None:
        raise InputFileError("no document of the corpus has any text", hint="look at the corpus, or at --text-column")
    for split, files in facts.files.items():
        if not files:
            files.append(_empty(store / split / FIRST_FILE, some))
    remove_unlisted(store, facts)
    describe_store(store, facts)
    return facts


def hold_out_one(
    store: Path, shards: Sequence[FinishedShard], held_out: HeldOut
) -> tuple[Sequence[FinishedShard], HeldOut]:
    """Where no document is held out but one should be: move those with the smallest hash of all out of ``train``."""
    documents = ((shard.documents("train"), shard.documents("heldout"), shard.smallest) for shard in shards)
    key = smallest_to_hold_out(documents, held_out.share)
    if key is None:
        return shards, held_out
    return [_moved(store, shard, key) for shard in shards], HeldOut(held_out.share, key)


def describe_store(directory: Path, facts: StoreFacts) -> None:
    """The files by which ``datasets`` opens the store."""
    for split, files in facts.files.items():
        schema = read_schema(directory / split / files[0].file)
        describe_split(directory / split, schema, {file.file: file.sha256 for file in files})
    write_split_names(directory, list(SPLITS))


def remove_unlisted(store: Path, facts: StoreFacts) -> None:
    """Remove what an attempt that was stopped left beside the store's files."""
    for split, files in facts.files.items():
        listed = {file.file for file in files}
        for path in (store / split).glob("*.arrow*"):
            if path.name not in listed:
                path.unlink()


def _smallest(shards: Sequence[FinishedShard]) -> dict[str, SmallestHash]:
    return {shard.files["train"].file: shard.smallest for shard in shards if "train" in shard.files and shard.smallest}


def _moved(store: Path, shard: FinishedShard, key: int) -> FinishedShard:
    """The shard with its documents of this hash in ``heldout`` instead of ``train``."""
    if shard.smallest is None or shard.smallest.key != key:
        return shard
    name = shard.files["train"].file
    source = store / "train" / name
    schema = read_schema(source)
    rest = source.with_name(f"{name}.new")
    row = 0
    with ShardWriter(rest, schema) as train, ShardWriter(store / "heldout" / name, schema) as heldout:
        for batch in read_record_batches([source]):
            documents = EncodedDocuments.of_batch(batch)
            chosen = shard.smallest.among(row, batch.num_rows)
            train.add(documents.where(~chosen))
            heldout.add(documents.where(chosen))
            row += batch.num_rows
    sync_file(heldout.path)
    files = {"heldout": ShardFile.of(heldout.path, heldout.counts())}
    if train.documents:
        sync_file(rest)
        rest.replace(source)
        files = {"train": ShardFile.of(source, train.counts()), **files}
    return FinishedShard(shard.name, files, shard.counted, None)


def _empty(path: Path, like: Path) -> ShardFile:
    with ShardWriter(path, read_schema(like)) as writer:
        writer.begin()
    return ShardFile.of(path, writer.counts())
