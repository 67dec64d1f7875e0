"""More documents for a token store that is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bertcli.config.mask import MaskBuild
from bertcli.core import fingerprints
from bertcli.core.atomic import check_writable, resumable_scratch, sync_file
from bertcli.core.manifest import read_manifest
from bertcli.core.messages import notice
from bertcli.data.building import SPLITS, shard_file_name
from bertcli.data.finished_shards import COUNTED, FinishedShard, has_finished_shards, noted_fingerprint
from bertcli.data.held_out import HeldOut, SmallestHash
from bertcli.data.shards import ShardFile, check_files
from bertcli.data.store_finishing import StoreFacts, describe_store, hold_out_one, remove_unlisted
from bertcli.data.token_store import MADE_BY, DataDirectory, open_split
from bertcli.errors import ConfigError, DataError, InputFileError
from bertcli.stages.mask_store import (
    CorpusBuild,
    MaskReport,
    continued_notes,
    fingerprints_of_lists,
    keeping_of,
    tell_counts,
    write_data_manifest,
)
from bertcli.text.chinese_words import WAYS
from bertcli.text.tokenizer import Tokenizer

_MUST_AGREE = ("sentences", "documents", "group_column", "words", "held_out", "seed")
"""Settings that are one thing for all documents of a store."""


def append_masks(config: MaskBuild, tokenizer: Tokenizer, *, started_at: float) -> MaskReport:
    """Add the documents of a corpus. Raises ``DataError`` or ``ConfigError`` where they would not fit the others.

    The old data stay valid until the last moment: new files are written beside them, and the manifest is replaced last.
    """
    data = DataDirectory.open(config.output)
    manifest = read_manifest(config.output, kind="data", made_by=MADE_BY)
    check_writable(config.output)
    _check_same(data, config, tokenizer)
    _check_lists(data, manifest.get("lists", {}), config)
    if config.deduplicate:
        notice("--deduplicate knows only the new documents: those of the store are not compared")
    keeping = keeping_of(config, tokenizer)
    _check_columns(data, keeping.columns)
    build = CorpusBuild.of(config, tokenizer, keeping)
    before = _facts_of(manifest, data)
    with resumable_scratch(config.output, has_work=has_finished_shards) as scratch:
        if _is_appended(manifest, build, scratch):
            notice("these documents were appended before the command was stopped: nothing is left to do")
            remove_unlisted(config.output, before)
            dropped = manifest["appended"][-1]["dropped"]
            return MaskReport.of(config.output, before, dropped=dropped, started_at=started_at)
        facts, dropped = _append(build, data, manifest, before, scratch)
    return MaskReport.of(config.output, facts, dropped=dropped, started_at=started_at)


def _is_appended(manifest: dict[str, Any], build: CorpusBuild, scratch: Path) -> bool:
    """Whether ``scratch`` is of an append that was stopped after it had written the manifest."""
    last = manifest["appended"][-1] if manifest["appended"] else {}
    return "build" in last and last["build"] == noted_fingerprint(scratch) == build.fingerprint(to=last["to"])


def _append(
    build: CorpusBuild, data: DataDirectory, manifest: dict[str, Any], before: StoreFacts, scratch: Path
) -> tuple[StoreFacts, dict[str, int]]:
    """Encode the documents in ``scratch`` and add them; returns what the store is then, and what was dropped."""
    output, fingerprint = build.config.output, build.fingerprint(to=data.fingerprint)
    with continued_notes(scratch, fingerprint, store=scratch) as notes:
        dropped = build.write(scratch, notes, before.held_out)
        new = notes.ordered()
        if not any(shard.files for shard in new):
            raise InputFileError("no document of the corpus has any text", hint="look at the corpus")
        waiting = _waiting(scratch, output, before, first=len(new))
        shards, held_out = (
            hold_out_one(scratch, [*waiting, *new], before.held_out) if waiting else (new, before.held_out)
        )
        remove_unlisted(output, before)
        added = StoreFacts.of(_publish(scratch, output, shards, _next_number(before)), held_out)
        facts = _joined(before, added, without_training=bool(waiting))
        tell_counts(facts)
        describe_store(output, facts)
        said = {name: value for name, value in build.config.dump_contents().items() if name != "vocab"}
        write_data_manifest(
            output,
            facts,
            config=data.config,
            vocabulary=manifest["vocabulary"],
            lists=manifest.get("lists", {}),
            corpus=fingerprints.of_value([manifest["corpus"], *build.digests.values()]),
            dropped={reason: count + dropped[reason] for reason, count in manifest["dropped"].items()},
            appended=[
                *manifest["appended"],
                {**said, "build": fingerprint, "to": data.fingerprint, "dropped": dropped},
            ],
        )
        remove_unlisted(output, facts)
    return facts, dropped


def _check_same(data: DataDirectory, config: MaskBuild, tokenizer: Tokenizer) -> None:
    if data.static:
        raise DataError(
            "these are static data, to which nothing can be appended: their rows are drawn from the whole corpus",
            path=data.path,
            hint="build them again from all of the text",
        )
    if tokenizer.vocabulary != data.vocabulary:
        raise DataError(
            f"made with the vocabulary {data.vocabulary.fingerprint[:12]}; {config.vocab} is "
            f"{tokenizer.vocabulary.fingerprint[:12]}",
            path=data.path,
            hint=f"append with the data's own: --vocab {data.vocabulary_directory}",
        )
    asked = config.dump_contents()
    are_listed = not {asked["words"], data.words} & set(WAYS)
    for name in _MUST_AGREE:
        if asked.get(name) != data.config.get(name) and not (name == "words" and are_listed):
            flag, of_data = f"--{name.replace('_', '-')}", data.config.get(name)
            built = f"without {flag}" if of_data is None else f"with {flag} {of_data}"
            raise ConfigError(
                f"{data.path} was built {built}; {asked.get(name, 'none')} was asked for",
                hint=f"append {built}, or build again from all of the text",
            )


def _check_lists(data: DataDirectory, lists: dict[str, str], config: MaskBuild) -> None:
    """Words and phrases have to be the same, wherever their files are now."""
    asked = fingerprints_of_lists(config)
    for name in sorted({*lists, *asked}):
        if lists.get(name) != asked.get(name):
            prints = [of_file[:12] if of_file else "none" for of_file in (lists.get(name), asked.get(name))]
            raise ConfigError(
                f"{data.path} was built with a file for --{name} of the fingerprint {prints[0]}; {prints[1]} was asked "
                "for",
                hint="append with what the data were built with, or build again from all of the text",
            )


_OPTIONS = {"word_starts": "--words", "cased": "--capitals", "spans": "--spans-column or --phrases"}
"""What keeps each column."""


def _check_columns(data: DataDirectory, asked: Collection[str]) -> None:
    """What the store keeps of every piece is what would be appended; and all its files are whole."""
    check_files(data.store_directory / "train", data.shards["train"])
    columns = open_split(data, "heldout").columns
    for name in sorted(columns ^ set(asked)):
        has, would = ("keeps no", "would keep") if name in asked else ("keeps", "would keep no")
        raise ConfigError(
            f"{data.path} {has} {name} of its pieces, and what is appended {would} {name}",
            hint=f"append {'without' if name in asked else 'with'} {_OPTIONS[name]}",
        )


def _facts_of(manifest: dict[str, Any], data: DataDirectory) -> StoreFacts:
    held_out = manifest["held_out"]
    smallest = {name: SmallestHash.from_dump(values) for name, values in held_out["smallest"].items()}
    files = {split: list(files) for split, files in data.shards.items()}
    return StoreFacts(files, manifest["counted"], HeldOut(held_out["share"], held_out["key"]), smallest)


def _waiting(scratch: Path, directory: Path, before: StoreFacts, *, first: int) -> list[FinishedShard]:
    """While none is held out: the old training files, as shards in ``scratch`` that may have to give documents up."""
    shards = []
    for number, file in enumerate(before.files["train"] if before.smallest else (), start=first):
        name = shard_file_name(number)
        shutil.copyfile(directory / "train" / file.file, scratch / "train" / name)
        sync_file(scratch / "train" / name)
        files = {"train": replace(file, file=name)}
        shards.append(FinishedShard((-1, number), files, dict.fromkeys(COUNTED, 0), before.smallest.get(file.file)))
    return shards


def _next_number(facts: StoreFacts) -> int:
    return 1 + max(_number(file) for files in facts.files.values() for file in files)


def _number(file: ShardFile) -> int:
    match = re.search(r"(\d+)\.arrow$", file.file)
    assert match is not None
    return int(match[1])


def _publish(scratch: Path, directory: Path, shards: Sequence[FinishedShard], first: int) -> list[FinishedShard]:
    """Move the files of shards to the others', where they mean nothing until the manifest lists them."""
    published = []
    for shard in shards:
        moved = {}
        for split, file in shard.files.items():
            name = shard_file_name(first + _number(file))
            (scratch / split / file.file).rename(directory / split / name)
            moved[split] = replace(file, file=name)
        published.append(replace(shard, files=moved))
    for split in SPLITS:
        sync_file(directory / split)
    return published


def _joined(before: StoreFacts, added: StoreFacts, *, without_training: bool) -> StoreFacts:
    kept = {**before.files, "train": []} if without_training else before.files
    is_any_held_out = any(file.counts["documents"] for file in [*kept["heldout"], *added.files["heldout"]])
    return StoreFacts(
        {split: [*kept[split], *added.files[split]] for split in SPLITS},
        {name: before.counted[name] + added.counted[name] for name in COUNTED},
        added.held_out,
        {} if is_any_held_out else added.smallest,
    )
