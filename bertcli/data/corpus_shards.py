"""How a corpus is cut into shards, and which of several jobs makes which.

The files of a corpus, in their order, form groups that are large enough to be worth a job; no shard reaches from one
group into the next. A shard is a run of consecutive documents. So a job that owns whole groups reads no other files,
and what a shard holds depends on neither the jobs nor on what else is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bertcli.text.corpus import Document
from bertcli.text.remote_files import CorpusFile, RemoteFile

SMALLEST_GROUP_BYTES = 256 * 10**6

ShardName = tuple[int, int]
"""The group, and the shard's number in it."""


@dataclass(frozen=True)
class Job:
    """One of several jobs that build data together; numbers begin at 1."""

    number: int = 1
    of: int = 1


def file_sizes(files: Sequence[CorpusFile]) -> list[int | None]:
    """Bytes of each file on disk; None where a filesystem does not tell."""
    return [_told_size(file) if isinstance(file, RemoteFile) else file.stat().st_size for file in files]


def _told_size(file: RemoteFile) -> int | None:
    size = file.info().get("size")
    return size if isinstance(size, int) else None


def group_files(sizes: Sequence[int | None]) -> list[int]:
    """The group of each file: consecutive files together until they have 256 MB; one where a size is not known.

    What is left at the end belongs to the last group that is large enough.
    """
    if any(size is None for size in sizes):
        return [0] * len(sizes)
    groups: list[int] = []
    group, total = 0, 0
    for size in sizes:
        groups.append(group)
        total += size or 0
        if total >= SMALLEST_GROUP_BYTES:
            group, total = group + 1, 0
    last = max(0, group - 1)
    return [min(number, last) for number in groups]


@dataclass
class CorpusShards:
    """Cuts the documents of one job into shards of about ``characters``, and counts those of every group."""

    files: Sequence[CorpusFile]
    groups: Sequence[int]
    characters: int
    job: Job = field(default_factory=Job)
    counts: dict[int, int] = field(default_factory=dict)
    """Shards of each group that was read, this job's or not."""

    @property
    def is_by_groups(self) -> bool:
        """Whether jobs own whole groups; else each reads everything and takes its turn of the shards."""
        return self.groups[-1] + 1 >= self.job.of

    @property
    def own_files(self) -> list[int]:
        """The numbers of the files that the job has to read."""
        return [number for number, group in enumerate(self.groups) if not self.is_by_groups or self._is_turn(group)]

    def _is_turn(self, number: int) -> bool:
        return number % self.job.of == self.job.number - 1

    def cut(self, documents: Iterable[Document]) -> Iterator[tuple[ShardName, bool, Document]]:
        """Documents in the order of the files, each with its shard and whether that is the job's own.

        A shard ends with the document by which it reaches its characters.
        """
        groups = {str(self.files[number]): self.groups[number] for number in self.own_files}
        group = size = 0
        number, shards, is_own = -1, -1, True
        for document in documents:
            now = groups[document.path]
            if number < 0 or now != group or size >= self.characters:
                number = number + 1 if now == group else 0
                group, size = now, 0
                shards += 1
                is_own = self.is_by_groups or self._is_turn(shards)
                self.counts[group] = number + 1
            size += len(document.text)
            yield (group, number), is_own, document
