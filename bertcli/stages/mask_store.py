"""What building, appending and merging of pretraining data share: the build of shards, the manifest and the report."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bertcli import __version__
from bertcli.config.mask import MaskBuild
from bertcli.core import fingerprints
from bertcli.core.atomic import LOCK_NAME
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import notice, progress
from bertcli.data.audit_sequences import tell_unknown
from bertcli.data.building import SPLITS, write_shards
from bertcli.data.chunk_encoding import ChunkEncoder, Keeping
from bertcli.data.corpus_shards import CorpusShards, Job, file_sizes, group_files
from bertcli.data.finished_shards import Notes
from bertcli.data.held_out import SMALLEST_CORPUS, HeldOut
from bertcli.data.shards import ShardFile
from bertcli.data.store_finishing import StoreFacts, dump_files
from bertcli.data.token_store import SequenceKind, store_schema
from bertcli.errors import InputFileError
from bertcli.text import corpus
from bertcli.text.chinese_words import WAYS
from bertcli.text.phrases import PhraseFinder
from bertcli.text.remote_files import CorpusFile
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.word_list import ListedWords

_LONG_WORD = 3
"""Ideographs in the average word beyond which it is no word: words of Chinese have 1.5 to 1.8, clauses 4 and more."""


@dataclass(frozen=True)
class MaskReport:
    """What was written; ``cased`` and ``tokens_in_spans`` are shares of the tokens.

    ``part`` is this job's share where there are several, such as ``3/64``.
    """

    directory: str
    static: bool
    part: str | None
    shards: int
    documents: int
    heldout_documents: int
    dropped: dict[str, int]
    sentences: int
    tokens: int
    words: int | None
    ideographs_per_word: float | None
    cased: float | None
    spans: int | None
    tokens_in_spans: float | None
    rows: int | None
    tokens_used: float | None
    unknown_rate: float
    bytes_on_disk: int
    elapsed_seconds: float

    @classmethod
    def of(
        cls,
        directory: Path,
        facts: StoreFacts,
        *,
        dropped: dict[str, int],
        started_at: float,
        part: str | None = None,
        rows: int | None = None,
        tokens_used: float | None = None,
    ) -> MaskReport:
        """From what is known of the store; ``rows`` of static data."""
        train, held_out = facts.counts["train"], facts.counts["heldout"]
        return cls(
            directory=str(directory),
            static=rows is not None,
            part=part,
            shards=len({file.file for files in facts.files.values() for file in files if file.counts["documents"]}),
            documents=train.get("documents", 0),
            heldout_documents=held_out.get("documents", 0),
            dropped=dropped,
            sentences=train.get("sentences", 0),
            tokens=train.get("tokens", 0),
            words=train.get("words"),
            ideographs_per_word=facts.ideographs_per_word or None,
            cased=train["cased"] / max(1, train["tokens"]) if "cased" in train else None,
            spans=train.get("spans"),
            tokens_in_spans=train["tokens_in_spans"] / max(1, train["tokens"]) if "tokens_in_spans" in train else None,
            rows=rows,
            tokens_used=tokens_used,
            unknown_rate=facts.unknown_rate,
            bytes_on_disk=sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()),
            elapsed_seconds=time.monotonic() - started_at,
        )


def lists_of(config: MaskBuild) -> dict[str, Path]:
    """The files of words and of phrases, by the settings that name them."""
    lists = {} if config.words in WAYS else {"words": Path(config.words)}
    return lists if config.phrases is None else {**lists, "phrases": config.phrases}


def fingerprints_of_lists(config: MaskBuild) -> dict[str, str]:
    """By the settings that name them."""
    return {name: fingerprints.of_file(path) for name, path in lists_of(config).items()}


def keeping_of(config: MaskBuild, tokenizer: Tokenizer) -> Keeping:
    """What the store is to keep of every piece; reads the lists. Raises ``InputFileError``."""
    return Keeping(
        words=config.words,
        listed=None if config.words in WAYS else ListedWords(Path(config.words)),
        capitals=config.capitals,
        spans=config.spans_column is not None,
        phrases=PhraseFinder.of(config.phrases, tokenizer) if config.phrases is not None else None,
    )


@dataclass(frozen=True)
class CorpusBuild:
    """The work of one job: its files and shards, and what it is told by."""

    config: MaskBuild
    tokenizer: Tokenizer
    keeping: Keeping
    files: list[CorpusFile]
    shards: CorpusShards
    digests: dict[int, str]
    """Fingerprints of the files that this job reads, by their number."""
    agreed: dict[str, Any]
    """What all jobs of one build agree on."""

    @classmethod
    def of(cls, config: MaskBuild, tokenizer: Tokenizer, keeping: Keeping) -> CorpusBuild:
        """Finds the files and hashes those that the job reads."""
        files = corpus.find_files(config.corpus)
        sizes = file_sizes(files)
        shards = CorpusShards(files, group_files(sizes), config.shard_characters, Job(*config.job))
        digests = {number: corpus.file_fingerprint(files[number]) for number in shards.own_files}
        settings = {name: value for name, value in config.dump_contents().items() if name not in ("corpus", "vocab")}
        agreed = {
            "bertcli": __version__,
            "vocabulary": tokenizer.vocabulary.dump(),
            "settings": settings,
            "lists": fingerprints_of_lists(config),
            "file_sizes": sizes,
        }
        return cls(config, tokenizer, keeping, files, shards, digests, agreed)

    def fingerprint(self, **more: Any) -> str:
        """Of everything that what is written depends on."""
        return fingerprints.of_value([self.agreed, self.digests, self.config.job, more])

    def write(self, store: Path, notes: Notes, held_out: HeldOut) -> dict[str, int]:
        """Write what is not noted yet; returns how many documents were dropped, by reason."""
        config = self.config
        selection = corpus.Selection(**config.selecting())
        own = [self.files[number] for number in self.shards.own_files]
        documents = corpus.read_documents(
            own, **config.reading(), selection=selection, share_of=self.files if config.shard else None
        )
        with progress("encoding", None, "characters") as bar:
            write_shards(
                store,
                self.shards.cut(documents) if own else (),
                partial(ChunkEncoder, self.tokenizer, config.sentences, self.keeping),
                schema=store_schema(self.tokenizer.vocabulary.size, self.keeping.columns),
                held_out=held_out,
                notes=notes,
                workers=config.pool,
                progress=bar,
            )
        return selection.dropped()


@contextmanager
def continued_notes(directory: Path, fingerprint: str, *, store: Path) -> Iterator[Notes]:
    """The notes of a build in a partial directory: an earlier attempt's where it was the same build.

    What another build left there is removed. Where the block is stopped, the notes of finished shards stay, and the
    user is told that they do.
    """
    notes = Notes.read(directory, fingerprint, store=store)
    if notes is None:
        left = [path for path in directory.iterdir() if path.name != LOCK_NAME]
        if left:
            notice("what an earlier build left is of another corpus, vocabulary or settings: starting anew")
        for path in left:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        notes = Notes(directory, fingerprint)
    elif notes.shards:
        done = sum(shard.documents(split) for shard in notes.shards.values() for split in SPLITS)
        many = f"shard {len(notes.shards)}" if len(notes.shards) > 1 else "the first shard"
        notice(f"continuing after {many}: {done:,} documents are done")
    notes.begin()
    try:
        yield notes
    except BaseException:
        if notes.shards:
            many = f"{len(notes.shards):,} shards are" if len(notes.shards) > 1 else "1 shard is"
            notice(f"{many} done: the same command continues there")
        raise
    notes.remove()


def tell_counts(facts: StoreFacts) -> None:
    """Say what may be a mistake. Raises ``InputFileError`` where nothing is left to train on."""
    train, held_out = facts.counts["train"]["documents"], facts.counts["heldout"]["documents"]
    if not train and held_out:
        raise InputFileError(f"all {held_out:,} documents are held out", hint="hold fewer out with --held-out")
    if not held_out:
        why = "as asked" if not facts.held_out.share else f"below {SMALLEST_CORPUS} documents, or all of one text"
        notice(f"no document is held out ({why}), so there will be no evaluation")
    if facts.ideographs_per_word > _LONG_WORD:
        length = f"{facts.ideographs_per_word:.1f} ideographs"
        notice(f"a word of Chinese has {length} on average: are there spaces between the words of this corpus?")
    if facts.counts["train"].get("spans") == facts.counts["heldout"].get("spans", 0) == 0:
        notice("no entity or phrase was found in the corpus: the column of spans is empty")
    tell_unknown(facts.unknown_rate)


def write_data_manifest(
    directory: Path,
    facts: StoreFacts,
    *,
    config: dict[str, Any],
    vocabulary: dict[str, Any],
    lists: dict[str, str],
    corpus: str,
    dropped: dict[str, int],
    appended: list[dict[str, Any]] | None = None,
    rows: dict[str, list[ShardFile]] | None = None,
    seq_length: int | None = None,
    sequences: SequenceKind | None = None,
) -> None:
    """The manifest of a token store, or with ``rows`` of static data.

    ``lists`` are the fingerprints of words and phrases, ``appended`` later builds' configurations.
    """
    digests = [[file.sha256 for file in files] for files in (rows or facts.files).values()]
    write_manifest(
        directory,
        kind="data",
        command="mask build",
        config=config,
        fingerprint=fingerprints.of_value([digests, vocabulary, config["seed"]]),
        static=rows is not None,
        vocabulary=vocabulary,
        lists=lists,
        seed=config["seed"],
        corpus=corpus,
        appended=appended or [],
        dropped=dropped,
        words=config["words"],
        seq_length=seq_length,
        sequences=sequences,
        **facts.dump(),
        **({} if rows is None else {"rows": dump_files(rows)}),
    )
