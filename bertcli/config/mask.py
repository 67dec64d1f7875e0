"""What ``bertcli mask build``, ``mask merge``, ``mask show`` and ``mask audit`` may be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from bertcli.config.amounts import in_bytes
from bertcli.config.corpus import Corpus
from bertcli.config.sequences import Sequences
from bertcli.config.workers import Workers
from bertcli.core.settings import Argument, Flag, ProperShare, Settings, Share, ShareBelowOne

DEFAULT_DATA = Path("bertcli-out/data")

SMALLEST_SHARD = 1000


def _check_shard_size(text: str) -> str:
    if in_bytes(text, "text") < SMALLEST_SHARD:
        raise ValueError(f"{text} is too little: a shard has 1kB of text at least, and best some megabytes")
    return text


def _job(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"\s*([0-9]+)\s*/\s*([0-9]+)\s*", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"expected N/M such as 3/64, with N from 1 to M, got {text!r}")
    return int(match[1]), int(match[2])


def _check_job(text: str) -> str:
    _job(text)
    return text


class MaskBuild(Corpus, Sequences, Workers):
    """Build pretraining data from text."""

    vocab: Annotated[str, Flag("--vocab")] = "bertcli-out/vocab"
    """Vocabulary: a directory, or a Hub id."""
    sentences: Annotated[Literal["split", "line"], Flag("--sentences")] = "split"
    """What a sentence is: split finds where sentences end, in English and Chinese; line takes every line for one."""
    words: Annotated[str, Flag("--words")] = "none"
    """Keep where words of Chinese begin: spaces takes a corpus with spaces between words, jieba finds the words, and
    so does a file with one word a line; none keeps nothing."""
    capitals: Annotated[bool, Flag("--capitals")] = False
    """Keep which words were capitalised before they were lower-cased, for the objective that predicts it."""
    spans_column: Annotated[str | None, Flag("--spans-column")] = None
    """Tables: column with the spans of named entities in the text, [[start, end], …] in characters, end exclusive."""
    phrases: Annotated[Path | None, Flag("--phrases")] = None
    """A file of phrases or names, one a line, whose occurrences are kept as spans."""
    held_out: Annotated[ShareBelowOne, Flag("--held-out")] = 0.01
    """Share of the documents kept out of training, chosen by the hash of their text."""
    static: Annotated[bool, Flag("--static")] = False
    """Write finished, masked and padded rows instead of a token store."""
    duplicates: Annotated[int, Field(ge=1), Flag("--duplicates")] = 10
    """Static: copies of the corpus, each with its own segments, partners and masks."""
    seed: Annotated[int, Field(ge=0), Flag("--seed")] = 0
    """Seed of every draw."""
    shard_size: Annotated[str, AfterValidator(_check_shard_size), Flag("--shard-size")] = "32MB"
    """Text in one file of the store; a build that was stopped continues after the last file that is whole."""
    shard: Annotated[Annotated[str, AfterValidator(_check_job)] | None, Flag("--shard")] = None
    """Build one of several shares, such as 3/64, as a job of its own; `bertcli mask merge` joins them."""
    append: Annotated[bool, Flag("--append")] = False
    """Add the documents to the token store that is there."""
    output: Annotated[Path, Flag("--output", "-o")] = DEFAULT_DATA
    """Directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""

    @property
    def shard_characters(self) -> int:
        """Characters of text in one shard."""
        return in_bytes(self.shard_size)

    @property
    def job(self) -> tuple[int, int]:
        """Which of how many jobs this is."""
        return _job(self.shard) if self.shard is not None else (1, 1)

    def dump_contents(self) -> dict[str, Any]:
        """What the data depend on: all but where they are written, with how many processes and in how many shares."""
        elsewhere = {"output", "overwrite", "shard", "append", *Workers.model_fields}
        return {name: value for name, value in self.dump().items() if name not in elsewhere}


class MaskMerge(Settings):
    """Join the shares of several jobs."""

    parts: Annotated[tuple[Path, ...], Field(min_length=1), Argument("PART...")]
    """What `bertcli mask build --shard` wrote, in any order."""
    output: Annotated[Path, Flag("--output", "-o")] = DEFAULT_DATA
    """Directory to write."""
    overwrite: Annotated[bool, Flag("--overwrite")] = False
    """Replace what is there."""


class MaskView(Sequences):
    """Which masks of which data to look at."""

    data: Annotated[Path, Flag("--data")] = DEFAULT_DATA
    """Data directory."""
    epoch: Annotated[int, Field(ge=0), Flag("--epoch")] = 0
    """Dynamic data: the epoch whose masks are drawn."""
    seed: Annotated[int | None, Field(ge=0), Flag("--seed")] = None
    """Dynamic data: seed of the masks (default: the data's own)."""
    progress: Annotated[Share, Flag("--progress")] = 0.0
    """Dynamic data: masks as they are when this share of a run is done, where the mask rate moves."""


class MaskShow(MaskView):
    """Show examples."""

    limit: Annotated[int, Field(ge=1), Flag("--limit")] = 5
    """Examples to show."""


class MaskAudit(MaskView):
    """Audit examples."""

    limit: Annotated[int, Field(ge=1), Flag("--limit")] = 20000
    """Examples to audit, spread over the epoch."""
    near_duplicates: Annotated[bool, Flag("--near-duplicates")] = False
    """Look for held-out documents that are nearly training documents."""
    near_duplicate_threshold: Annotated[ProperShare, Flag("--near-duplicate-threshold")] = 0.8
    """Jaccard index of two documents' runs of five words from which on they are near-duplicates (Lee et al. 2022)."""
    output: Annotated[Path | None, Flag("--output", "-o")] = None
    """JSON file to write the report to as well."""
