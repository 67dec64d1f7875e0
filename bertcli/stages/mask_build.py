"""Pretraining data built from text: a token store, a share of one, more of one, or finished rows."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from bertcli.config.mask import MaskBuild
from bertcli.contracts.objective import Objective, columns_read, make_objectives, relations_of
from bertcli.core import fingerprints
from bertcli.core.atomic import check_output_dir, resumable_directory
from bertcli.core.manifest import write_manifest
from bertcli.core.messages import notice, progress
from bertcli.core.ramps import Ramp
from bertcli.core.settings import Flag
from bertcli.data.arrow_files import write_split_names
from bertcli.data.building import SPLITS
from bertcli.data.coverage import tokens_covered
from bertcli.data.examples import DynamicExamples
from bertcli.data.finished_shards import has_finished_shards
from bertcli.data.held_out import HeldOut
from bertcli.data.opening import DEFAULT_SEQ_LENGTH, check_pairs, choose_sequence_kind, choose_short, word_boundaries
from bertcli.data.relations import pairing_fault
from bertcli.data.shards import ShardFile
from bertcli.data.static_rows import write_static_rows
from bertcli.data.store_finishing import StoreFacts, finish_store
from bertcli.data.token_columns import check_kept
from bertcli.data.token_store import PART, WORD_STARTS, DataDirectory, SequenceKind, TokenStore, store_directory
from bertcli.errors import ConfigError
from bertcli.stages.mask_append import append_masks
from bertcli.stages.mask_store import (
    CorpusBuild,
    MaskReport,
    continued_notes,
    keeping_of,
    lists_of,
    tell_counts,
    write_data_manifest,
)
from bertcli.text.chinese_words import check_words
from bertcli.text.tokenizer import Tokenizer
from bertcli.text.tokenizer_loading import load_tokenizer

_OF_ROWS = ("seq_length", "sequences", "short_sequence_probability", "duplicates")
"""Settings that a token store has no use for."""


def build_masks(config: MaskBuild) -> MaskReport:
    """Text to a data directory. Raises a ``UserError`` before any work where the input cannot be used."""
    started_at = time.monotonic()
    if config.append:
        _check_appending(config)
    else:
        check_output_dir(config.output, overwrite=config.overwrite, inputs=_inputs(config))
    objectives = _check_static(config)
    _check_job(config)
    kind = choose_sequence_kind(config.sequences, objectives)
    tokenizer = load_tokenizer(_vocabulary_of(config))
    tokenizer.check_casing()
    check_words(config.words, tokenizer)
    if config.capitals and not tokenizer.vocabulary.lowercase:
        raise ConfigError(
            "--capitals is for vocabularies that lower-case: this one keeps capitals, and its pieces show them",
            hint="leave out --capitals, or take an uncased vocabulary",
        )
    if config.append:
        return append_masks(config, tokenizer, started_at=started_at)
    keeping = keeping_of(config, tokenizer)
    told_by_pieces = {WORD_STARTS}
    check_kept(columns_read(objectives) - told_by_pieces, keeping.columns, lowercase=tokenizer.vocabulary.lowercase)
    build = CorpusBuild.of(config, tokenizer, keeping)
    if config.shard is not None:
        return _build_part(build, started_at)
    with resumable_directory(config.output, overwrite=config.overwrite, has_work=has_finished_shards) as directory:
        store = store_directory(directory, static=config.static)
        with continued_notes(directory, build.fingerprint(), store=store) as notes:
            dropped = build.write(store, notes, HeldOut(config.held_out))
            facts = finish_store(store, notes.ordered(), config.held_out)
            tell_counts(facts)
            rows, used = None, None
            if config.static:
                rows, used = _write_static(directory, store, facts, config, objectives, kind, tokenizer)
            tokenizer.save(directory / "vocab")
            write_data_manifest(
                directory,
                facts,
                config=config.dump_contents(),
                vocabulary=tokenizer.vocabulary.dump(),
                lists=build.agreed["lists"],
                corpus=fingerprints.of_value(list(build.digests.values())),
                dropped=dropped,
                seq_length=(config.seq_length or DEFAULT_SEQ_LENGTH) if config.static else None,
                sequences=kind if config.static else None,
                rows=rows,
            )
    return MaskReport.of(
        config.output,
        facts,
        dropped=dropped,
        started_at=started_at,
        rows=None if rows is None else rows["train"][0].counts["rows"],
        tokens_used=used,
    )


def _check_static(config: MaskBuild) -> dict[str, Objective]:
    """The objectives of static rows; a token store takes none."""
    objectives = make_objectives(config.objectives.chosen())
    if objectives and not config.static:
        raise ConfigError(
            f"{' '.join(_flags_of(objectives))} is for --static alone",
            hint="a token store serves every objective; say them to `bertcli pretrain`, or add --static",
        )
    if not config.static:
        _check_store(config)
    if config.static and not objectives:
        raise ConfigError("--static needs the objectives to mask for", hint="for example --static --mlm --nsp")
    if config.static and config.words != "none" and WORD_STARTS not in columns_read(objectives):
        raise ConfigError(
            f"--words {config.words} is for a token store, or for masks that are told by words: "
            "static rows do not tell where words begin",
            hint="add --mask-unit word, or leave out --static or --words",
        )
    _check_static_rates(objectives)
    return objectives


def _check_store(config: MaskBuild) -> None:
    """Raise ``ConfigError`` where something is said of rows, and none are written."""
    for name in _OF_ROWS:
        if name in config.model_fields_set and getattr(config, name) is not None:
            raise ConfigError(
                f"--{name.replace('_', '-')} is for --static alone: a token store keeps whole documents",
                hint="leave it out, or add --static"
                if name == "duplicates"
                else "say it to `bertcli pretrain`, which cuts them, or add --static",
            )


def _vocabulary_of(config: MaskBuild) -> str:
    """To what is appended: the data's own, unless another is named."""
    if config.append and "vocab" not in config.model_fields_set:
        return str(DataDirectory.open(config.output).vocabulary_directory)
    return config.vocab


def _inputs(config: MaskBuild) -> tuple[str | Path, ...]:
    return (*config.corpus, config.vocab, *lists_of(config).values())


def _flags_of(objectives: dict[str, Objective]) -> list[str]:
    """The flags of objectives, of which the flags of their settings choose them too."""
    flags = []
    for name, objective in objectives.items():
        fields, given = type(objective.settings).model_fields, objective.settings.model_fields_set
        marked = [
            marker.name
            for field in fields
            if field in given
            for marker in fields[field].metadata
            if isinstance(marker, Flag)
        ]
        flags += marked or [f"--{name.replace('_', '-')}"]
    return flags


def _check_static_rates(objectives: dict[str, Objective]) -> None:
    """Raise ``ConfigError`` where something moves that is settled when rows are written; weights may."""
    for name, objective in objectives.items():
        for field, value in objective.settings:
            if isinstance(value, Ramp) and not value.is_constant and not field.endswith("weight"):
                raise ConfigError(
                    f"static rows are masked once: objectives.{name}.{field} cannot move from {value.start:g} to "
                    f"{value.end:g}",
                    hint="leave out --static, or give one number",
                )


def _check_job(config: MaskBuild) -> None:
    if config.shard is None:
        return
    reasons = {
        "--deduplicate": config.deduplicate and "what another job reads is not known here",
        "--limit": config.limit is not None and "how many documents another job reads is not known here",
        "--static": config.static and "its rows are drawn from the whole corpus",
    }
    for flag, reason in reasons.items():
        if reason:
            raise ConfigError(f"--shard {config.shard} with {flag}: {reason}", hint=f"leave out --shard, or {flag}")


def _check_appending(config: MaskBuild) -> None:
    others = {"--shard": config.shard is not None, "--static": config.static, "--overwrite": config.overwrite}
    for flag, is_given in others.items():
        if is_given:
            raise ConfigError(f"--append goes without {flag}", hint=f"leave out --append, or {flag}")


def _build_part(build: CorpusBuild, started_at: float) -> MaskReport:
    """One job's share of a token store, for ``mask merge``."""
    config = build.config
    with (
        resumable_directory(config.output, overwrite=config.overwrite, has_work=has_finished_shards) as directory,
        continued_notes(directory, build.fingerprint(), store=directory) as notes,
    ):
        dropped = build.write(directory, notes, HeldOut(config.held_out))
        shards = notes.ordered()
        build.tokenizer.save(directory / "vocab")
        number, of = config.job
        write_manifest(
            directory,
            kind=PART,
            command="mask build",
            config=config.dump_contents(),
            part=number,
            of=of,
            agreed=build.agreed,
            files={str(number): digest for number, digest in build.digests.items()},
            is_by_groups=build.shards.is_by_groups,
            shards_of_groups={str(group): count for group, count in sorted(build.shards.counts.items())},
            dropped=dropped,
            shards=[shard.dump() for shard in shards],
        )
    return MaskReport.of(
        config.output,
        StoreFacts.of(shards, HeldOut(config.held_out)),
        dropped=dropped,
        started_at=started_at,
        part=config.shard,
    )


def _write_static(
    directory: Path,
    stores: Path,
    facts: StoreFacts,
    config: MaskBuild,
    objectives: dict[str, Objective],
    kind: SequenceKind,
    tokenizer: Tokenizer,
) -> tuple[dict[str, list[ShardFile]], float]:
    """Finished rows of both splits: their files, and the share of the training tokens in the first copy."""
    seq_length = config.seq_length or DEFAULT_SEQ_LENGTH
    columns = {column for objective in objectives.values() for column in objective.writes} - {"input_ids"}
    rows: dict[str, list[ShardFile]] = {}
    used = 0.0
    for split in SPLITS:
        store = TokenStore(stores / split, [file.file for file in facts.files[split]])
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
            short_sequence_probability=choose_short(config.short_sequence_probability),
            boundaries=word_boundaries(store, tokenizer) if WORD_STARTS in columns_read(chosen) else None,
        )
        copies = config.duplicates if split == "train" else 1
        if split == "train":
            check_pairs(store, chosen)
        elif pairing_fault(store, relations_of(chosen)) is not None:
            copies = 0
            notice(f"the documents in {split} are too few or too short for pairs: the split stays empty")
        shutil.rmtree(directory / split, ignore_errors=True)  # an attempt that was stopped may have left rows
        with progress(f"writing {split}", None, "rows") as bar:
            file = write_static_rows(
                directory / split,
                examples,
                tokenizer.vocabulary,
                seq_length=seq_length,
                copies=copies,
                label_columns=tuple(sorted(columns)),
                progress=bar,
            )
        rows[split] = [file]
        if split == "train":
            used = tokens_covered(store, examples.plan(0))
    write_split_names(directory, list(SPLITS))
    return rows, used
