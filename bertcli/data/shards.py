"""The files that data are made of: what the manifest says of each, and whether it is still so."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bertcli.core import fingerprints
from bertcli.errors import DataError

_THREADS = 4
"""That hash files; hashing releases the interpreter."""
_AGAIN = "build the data again with `bertcli mask build`"


@dataclass(frozen=True)
class ShardFile:
    """One file of a split: its name, its bytes, and the counts of what it holds (documents, tokens, …, or rows)."""

    file: str
    sha256: str
    bytes: int
    counts: dict[str, int]

    @classmethod
    def of(cls, path: Path, counts: dict[str, int]) -> Self:
        """Of a file that was just written."""
        return cls(path.name, fingerprints.of_file(path), path.stat().st_size, counts)

    @classmethod
    def from_dump(cls, values: dict[str, Any]) -> Self:
        """The inverse of ``dump``."""
        counts = dict(values)
        return cls(counts.pop("file"), counts.pop("sha256"), counts.pop("bytes"), counts)

    def dump(self) -> dict[str, Any]:
        """As JSON values, for manifests."""
        return {"file": self.file, "sha256": self.sha256, "bytes": self.bytes, **self.counts}

    def fault(self, directory: Path) -> str | None:
        """What is wrong with the file now; None where it is as it was written."""
        path = directory / self.file
        if not path.is_file():
            return "the file is missing"
        size = path.stat().st_size
        if size < self.bytes:
            return f"truncated: {size:,} of {self.bytes:,} bytes are there"
        if size > self.bytes or fingerprints.of_file(path) != self.sha256:
            return "changed since it was written: its SHA-256 is not the manifest's"
        return None


def check_files(directory: Path, files: Sequence[ShardFile]) -> None:
    """Hash all files of a split. Raises ``DataError`` that names the first one which is not as it was written."""
    with ThreadPoolExecutor(_THREADS) as threads:
        for file, fault in zip(files, threads.map(lambda file: file.fault(directory), files), strict=True):
            if fault is not None:
                threads.shutdown(cancel_futures=True)
                raise DataError(fault, path=directory / file.file, hint=_AGAIN)


def sum_counts(files: Sequence[ShardFile]) -> dict[str, int]:
    """What the files hold together."""
    names = dict.fromkeys(name for file in files for name in file.counts)
    return {name: sum(file.counts.get(name, 0) for file in files) for name in names}
