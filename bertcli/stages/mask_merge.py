"""Shares of a token store that several jobs built, joined: the same bytes as one build."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertcli.config.mask import MaskMerge
from bertcli.core import fingerprints
from bertcli.core.atomic import check_output_dir, new_directory
from bertcli.core.manifest import read_manifest
from bertcli.core.messages import progress
from bertcli.data.building import SPLITS, shard_file_name
from bertcli.data.finished_shards import FinishedShard
from bertcli.data.shards import check_files
from bertcli.data.store_finishing import finish_store
from bertcli.data.token_store import PART
from bertcli.errors import DataError
from bertcli.stages.mask_store import MaskReport, tell_counts, write_data_manifest

_MADE_BY = "bertcli mask build CORPUS --shard N/M"


@dataclass(frozen=True)
class _Part:
    path: Path
    manifest: dict[str, Any]

    @property
    def shards(self) -> list[FinishedShard]:
        return [FinishedShard.from_dump(shard) for shard in self.manifest["shards"]]


def merge_masks(config: MaskMerge) -> MaskReport:
    """Join parts. Raises ``DataError`` where they are not all of one build, each once, or one was changed."""
    started_at = time.monotonic()
    check_output_dir(config.output, overwrite=config.overwrite, inputs=tuple(map(str, config.parts)))
    parts = [_Part(path, read_manifest(path, kind=PART, made_by=_MADE_BY)) for path in config.parts]
    try:
        _check_same(parts)
        _check_all_there(parts)
        shards = sorted(((part.path, shard) for part in parts for shard in part.shards), key=lambda pair: pair[1].name)
        facts_of_parts = parts[0].manifest
        counts, digests, dropped = _shards_of_groups(parts), _digests(parts), _dropped(parts)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"a manifest lacks {error}", path=parts[0].path, hint=f"make it again with `{_MADE_BY}`"
        ) from error
    wanted = [(group, number) for group, count in sorted(counts.items()) for number in range(count)]
    if wanted != [shard.name for _, shard in shards]:
        raise DataError("shards of the parts are missing or twice", path=parts[0].path, hint="build the parts again")
    for part in parts:
        for split in SPLITS:
            check_files(part.path / split, [shard.files[split] for shard in part.shards if split in shard.files])
    agreed = facts_of_parts["agreed"]
    with new_directory(config.output, overwrite=config.overwrite) as directory:
        joined = _join(directory, shards)
        facts = finish_store(directory, joined, agreed["settings"]["held_out"])
        tell_counts(facts)
        shutil.copytree(parts[0].path / "vocab", directory / "vocab")
        write_data_manifest(
            directory,
            facts,
            config=facts_of_parts["config"],
            vocabulary=agreed["vocabulary"],
            lists=agreed["lists"],
            corpus=fingerprints.of_value(digests),
            dropped=dropped,
        )
    return MaskReport.of(config.output, facts, dropped=dropped, started_at=started_at)


def _check_same(parts: Sequence[_Part]) -> None:
    first = parts[0]
    for part in parts[1:]:
        ours, theirs = first.manifest["agreed"], part.manifest["agreed"]
        difference = _difference(ours, theirs) or _difference(*({"of": p.manifest["of"]} for p in (first, part)))
        if difference:
            name, one, other = difference
            raise DataError(
                f"built with {name} {other}, but {first.path} with {one}",
                path=part.path,
                hint=f"all parts come from the same corpus and the same options: `{_MADE_BY}`",
            )


def _difference(ours: dict[str, Any], theirs: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """The first thing in which two parts differ, and both values."""
    for key in dict.fromkeys([*_FIRST_COMPARED, *sorted({*ours, *theirs})]):
        one, other = ours.get(key), theirs.get(key)
        if one != other:
            return _DIFFERENCES.get(key, _of_values)(key, one, other)
    return None


def _of_values(key: str, one: Any, other: Any) -> tuple[str, Any, Any]:
    return key.replace("_", " "), one, other


def _of_vocabularies(key: str, one: dict[str, Any], other: dict[str, Any]) -> tuple[str, Any, Any]:
    return "the vocabulary", one["fingerprint"][:12], other["fingerprint"][:12]


def _of_corpora(key: str, one: list[int | None], other: list[int | None]) -> tuple[str, Any, Any]:
    totals = [f"{len(sizes)} files, {sum(map(int, filter(None, sizes))):,} bytes" for sizes in (one, other)]
    return "a corpus of", totals[0], totals[1]


def _of_settings(key: str, one: dict[str, Any], other: dict[str, Any]) -> tuple[str, Any, Any]:
    name = min(name for name in {*one, *other} if one.get(name) != other.get(name))
    return f"--{name.replace('_', '-')}", one.get(name), other.get(name)


def _of_lists(key: str, one: dict[str, str], other: dict[str, str]) -> tuple[str, Any, Any]:
    flag, *prints = _of_settings(key, one, other)
    first, second = ("none" if of_file is None else of_file[:12] for of_file in prints)
    return f"a file for {flag} of the fingerprint", first, second


_FIRST_COMPARED = ("vocabulary", "file_sizes", "bertcli", "settings")
_DIFFERENCES: dict[str, Callable[[str, Any, Any], tuple[str, Any, Any]]] = {
    "vocabulary": _of_vocabularies,
    "file_sizes": _of_corpora,
    "settings": _of_settings,
    "lists": _of_lists,
    "of": lambda key, one, other: ("parts in all:", one, other),
}
"""How the difference in a thing is told: its name, and both values."""


def _check_all_there(parts: Sequence[_Part]) -> None:
    of = parts[0].manifest["of"]
    known: dict[int, Path] = {}
    for part in parts:
        number = part.manifest["part"]
        if number in known:
            raise DataError(
                f"part {number}/{of} is there twice, also as {known[number]}", path=part.path, hint="name it once"
            )
        known[number] = part.path
    missing = [str(number) for number in range(1, of + 1) if number not in known]
    if missing:
        shown = ", ".join(missing[:10]) + (", …" if len(missing) > 10 else "")
        what = f"part {shown} of {of} is" if len(missing) == 1 else f"parts {shown} of {of} are"
        raise DataError(f"{what} missing", hint=f"build what is missing with --shard {missing[0]}/{of}, or name it")


def _agreeing(parts: Sequence[_Part], key: str) -> dict[int, Any]:
    """A mapping of which each part knows its own numbers, joined. Raises ``DataError`` where two parts contradict."""
    joined: dict[int, Any] = {}
    for part in parts:
        for number, value in part.manifest[key].items():
            if joined.setdefault(int(number), value) != value:
                raise DataError(
                    "a file of the corpus has changed between the parts", path=part.path, hint="build the parts again"
                )
    return joined


def _shards_of_groups(parts: Sequence[_Part]) -> dict[int, int]:
    return _agreeing(parts, "shards_of_groups")


def _digests(parts: Sequence[_Part]) -> list[str]:
    files = _agreeing(parts, "files")
    return [files[number] for number in sorted(files)]


def _dropped(parts: Sequence[_Part]) -> dict[str, int]:
    """Jobs that take turns read the same text, and all have dropped the same."""
    counted = parts if parts[0].manifest["is_by_groups"] else parts[:1]
    return {
        reason: sum(part.manifest["dropped"][reason] for part in counted) for reason in counted[0].manifest["dropped"]
    }


def _join(directory: Path, shards: Sequence[tuple[Path, FinishedShard]]) -> list[FinishedShard]:
    """The files of all parts under the names that one build gives them; linked where the file system can."""
    for split in SPLITS:
        (directory / split).mkdir()
    joined = []
    with progress("joining", len(shards), "shards") as bar:
        for number, (part, shard) in enumerate(shards):
            name = shard_file_name(number)
            for split, file in shard.files.items():
                _link(part / split / file.file, directory / split / name)
            joined.append(shard.renamed(name))
            bar.update(number + 1)
    return joined


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
