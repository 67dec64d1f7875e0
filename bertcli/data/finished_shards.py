"""The shards of a store that are finished: noted one by one on disk, so that a build that was stopped continues."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from bertcli.core import atomic
from bertcli.data.corpus_shards import ShardName
from bertcli.data.held_out import SmallestHash
from bertcli.data.shards import ShardFile

NOTES = "progress.jsonl"

COUNTED = ("characters", "unknown", "ideographs", "chinese_words")
"""What is counted of a text besides what its files hold."""


@dataclass(frozen=True)
class FinishedShard:
    """A run of documents on disk: its files by split (none for a split without documents), and what was counted."""

    name: ShardName
    files: dict[str, ShardFile]
    counted: dict[str, int]
    smallest: SmallestHash | None
    """Of the training documents, where none is held out."""

    @classmethod
    def from_dump(cls, values: dict[str, Any]) -> Self:
        """The inverse of ``dump``."""
        group, number = values["name"]
        files = {split: ShardFile.from_dump(file) for split, file in values["files"].items()}
        smallest = None if values["smallest"] is None else SmallestHash.from_dump(values["smallest"])
        return cls((group, number), files, values["counted"], smallest)

    def dump(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": list(self.name),
            "files": {split: file.dump() for split, file in self.files.items()},
            "counted": self.counted,
            "smallest": None if self.smallest is None else self.smallest.dump(),
        }

    def documents(self, split: str) -> int:
        """The documents that it has in a split."""
        return self.files[split].counts["documents"] if split in self.files else 0

    def is_whole(self, store: Path) -> bool:
        """Whether its files are as they were written."""
        return all(file.fault(store / split) is None for split, file in self.files.items())

    def renamed(self, name: str) -> Self:
        """The same with files of another name."""
        return replace(self, files={split: replace(file, file=name) for split, file in self.files.items()})


def has_finished_shards(directory: Path) -> bool:
    """Whether a directory that is being written notes any shard."""
    try:
        with (directory / NOTES).open("rb") as notes:
            return sum(1 for _ in notes) > 1
    except OSError:
        return False


def noted_fingerprint(directory: Path) -> str | None:
    """Of the build whose notes a directory has; None where it has none."""
    try:
        with (directory / NOTES).open(encoding="utf-8") as notes:
            return str(json.loads(next(notes))["fingerprint"])
    except (OSError, ValueError, StopIteration, KeyError, TypeError):
        return None


class Notes:
    """What a directory that is being written knows of its finished shards; they belong to one ``fingerprint``."""

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self._path = directory / NOTES
        self._fingerprint = fingerprint
        self.shards: dict[ShardName, FinishedShard] = {}

    @classmethod
    def read(cls, directory: Path, fingerprint: str, *, store: Path) -> Self | None:
        """Those of an earlier attempt, without shards whose files are not whole; None where it was another build."""
        notes = cls(directory, fingerprint)
        try:
            lines = notes._path.read_text("utf-8").splitlines()
            if json.loads(lines[0]) != {"fingerprint": fingerprint}:
                return None
        except (OSError, ValueError, IndexError):
            return None
        for line in lines[1:]:
            try:
                shard = FinishedShard.from_dump(json.loads(line))
            except (ValueError, KeyError, TypeError):  # what was being written when the machine stopped
                break
            if shard.is_whole(store):
                notes.shards[shard.name] = shard
        return notes

    def begin(self) -> None:
        """Write down what is known so far."""
        lines: Iterable[dict[str, Any]] = ({"fingerprint": self._fingerprint}, *map(FinishedShard.dump, self.ordered()))
        atomic.write_text(self._path, "".join(json.dumps(line) + "\n" for line in lines))

    def add(self, shard: FinishedShard) -> None:
        """Note one more, whose files are on disk."""
        self.shards[shard.name] = shard
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(shard.dump()) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def ordered(self) -> list[FinishedShard]:
        """All of them in the order of the corpus."""
        return [self.shards[name] for name in sorted(self.shards)]

    def remove(self) -> None:
        """Nothing will be continued."""
        self._path.unlink(missing_ok=True)
