"""Pretraining data built from text."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertcli.config.mask import MaskBuild
from bertcli.contracts.objective import Objective, make_objectives, relations_of
from bertcli.core import fingerprints
from bertcli.core.atomic import check_output_dir, new_directory
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import notice, progress
from bertcli.data.arrow_files import write_split_names
from bertcli.data.audit import tokens_covered
from bertcli.data.building import SPLITS, StoreCounts, write_static_rows, write_token_stores
from bertcli.data.examples import DynamicExamples
from bertcli.data.held_out import SMALLEST_CORPUS
from bertcli.data.opening import DEFAULT_SEQ_LENGTH, choose_sequence_kind
from bertcli.data.token_store import SequenceKind, TokenStore
from bertcli.errors import ConfigError, InputFileError
from bertcli.text import corpus
from bertcli.text.chinese_words import check_words
from bertcli.text.tokenizer import Tokenizer, load_tokenizer

_LONG_WORD = 3
"""Ideographs in the average word beyond which it is no word: words of Chinese have 1.5 to 1.8, clauses 4 and more."""


@dataclass(frozen=True)
class MaskReport:
    """What ``mask build`` wrote."""

    directory: str
    static: bool
    documents: int
    heldout_documents: int
    dropped: dict[str, int]
    sentences: int
    tokens: int
    words: int | None
    ideographs_per_word: float | None
    rows: int | None
    tokens_used: float | None
    unknown_rate: float
    bytes_on_disk: int
    elapsed_seconds: float


def build_masks(config: MaskBuild) -> MaskReport:
    """Text to a data directory. Raises a ``UserError`` before any work where the input cannot be used."""
    started_at = time.monotonic()
    check_output_dir(config.output, overwrite=config.overwrite, inputs=(*config.corpus, config.vocab))
    objectives = make_objectives(config.objectives.chosen())
    if objectives and not config.static:
        raise ConfigError(
            f"--{' --'.join(objectives)} is for --static alone",
            hint="a token store serves every objective; say them to `bertcli pretrain`, or add --static",
        )
    if config.static and not objectives:
        raise ConfigError("--static needs the objectives to mask for", hint="for example --static --mlm --nsp")
    if config.static and config.words != "none":
        raise ConfigError(
            f"--words {config.words} is for a token store alone: static rows do not tell where words begin",
            hint="leave out --static, or --words",
        )
    kind = choose_sequence_kind(config.sequences, objectives)
    tokenizer = load_tokenizer(config.vocab)
    tokenizer.check_casing()
    check_words(config.words, tokenizer)
    files = corpus.find_files(config.corpus)
    with new_directory(config.output, overwrite=config.overwrite) as directory:
        stores = directory / "stores" if config.static else directory
        with progress("encoding", None, "characters") as bar:
            selection = corpus.Selection(**config.selecting())
            documents = corpus.read_documents(files, **config.reading(), selection=selection)
            counts = write_token_stores(
                stores,
                documents,
                tokenizer,
                sentences=config.sentences,
                words=config.words,
                held_out=config.held_out,
                workers=config.pool,
                progress=bar,
            )
        _tell_counts(counts, config.held_out)
        rows = used = None
        if config.static:
            rows, used = _write_static(directory, stores, config, objectives, kind, tokenizer)
            shutil.rmtree(stores)
        write_split_names(directory, list(SPLITS))
        tokenizer.save(directory / "vocab")
        facts = {
            "static": config.static,
            "vocabulary": tokenizer.vocabulary.dump(),
            "seed": config.seed,
            "counts": counts.splits,
            "dropped": selection.dropped(),
            "corpus": corpus.fingerprint(files),
            "words": config.words,
            "seq_length": (config.seq_length or DEFAULT_SEQ_LENGTH) if config.static else None,
            "sequences": kind if config.static else None,
        }
        write_manifest(
            directory,
            kind="data",
            command="mask build",
            config=config.dump(),
            fingerprint=_fingerprint(directory, facts),
            **facts,
        )
    train, held_out = counts.splits["train"], counts.splits["heldout"]
    return MaskReport(
        directory=str(config.output),
        static=config.static,
        documents=train["documents"],
        heldout_documents=held_out["documents"],
        dropped=selection.dropped(),
        sentences=train["sentences"],
        tokens=train["tokens"],
        words=train.get("words"),
        ideographs_per_word=counts.ideographs_per_word or None,
        rows=rows,
        tokens_used=used,
        unknown_rate=counts.unknown_rate,
        bytes_on_disk=sum(file.stat().st_size for file in config.output.rglob("*") if file.is_file()),
        elapsed_seconds=time.monotonic() - started_at,
    )


def _fingerprint(directory: Path, facts: dict[str, Any]) -> str:
    """Of the rows themselves and of what they are read with."""
    rows = [fingerprints.of_file(file) for split in SPLITS for file in sorted((directory / split).glob("*.arrow"))]
    return fingerprints.of_value([rows, facts["vocabulary"], facts["seed"]])


def _tell_counts(counts: StoreCounts, held_out_share: float) -> None:
    train, held_out = counts.splits["train"]["documents"], counts.splits["heldout"]["documents"]
    if not train and held_out:
        raise InputFileError(f"all {held_out:,} documents are held out", hint="hold fewer out with --held-out")
    if not train:
        raise InputFileError("no document of the corpus has any text", hint="look at the corpus, or at --text-column")
    if not held_out:
        why = "as asked" if not held_out_share else f"below {SMALLEST_CORPUS} documents, or all of one text"
        notice(f"no document is held out ({why}), so there will be no evaluation")
    if counts.ideographs_per_word > _LONG_WORD:
        length = f"{counts.ideographs_per_word:.1f} ideographs"
        notice(f"a word of Chinese has {length} on average: are there spaces between the words of this corpus?")
    if counts.unknown_rate > 0.01:
        notice(f"{counts.unknown_rate:.1%} of the pieces are [UNK]: does the vocabulary fit this text?")


def _write_static(
    directory: Path,
    stores: Path,
    config: MaskBuild,
    objectives: dict[str, Objective],
    kind: SequenceKind,
    tokenizer: Tokenizer,
) -> tuple[int, float]:
    """Finished rows of both splits; returns the training rows and the share of the tokens in the first copy."""
    seq_length = config.seq_length or DEFAULT_SEQ_LENGTH
    columns = {column for objective in objectives.values() for column in objective.writes} - {"input_ids"}
    rows, used = 0, 0.0
    for split in SPLITS:
        store = TokenStore(stores / split)
        chosen = objectives
        if split == "heldout":
            chosen = {name: objective.for_evaluation() for name, objective in objectives.items()}
        examples = DynamicExamples(
            store,
            tokenizer.vocabulary,
            chosen,
            kind=kind,
            seq_length=seq_length,
            seed=config.seed,
            short_sequence_probability=config.short_sequence_probability,
        )
        copies = config.duplicates if split == "train" else 1
        if store.documents < 2 and "random" in relations_of(chosen):
            copies = 0
            if store.documents:
                notice(f"one document in {split}, too few for pairs from two: the split stays empty")
        with progress(f"writing {split}", None, "rows") as bar:
            written = write_static_rows(
                directory / split,
                examples,
                tokenizer.vocabulary,
                seq_length=seq_length,
                copies=copies,
                label_columns=tuple(sorted(columns)),
                progress=bar,
            )
        if split == "train":
            rows, used = written, tokens_covered(store, examples.plan(0))
    return rows, used
