"""The splits of a labelled task: found, read, fitted, and a dev split made where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bertcli.contracts.task import Examples, Table, Task
from bertcli.core import fingerprints
from bertcli.core.component_folder import suggestion
from bertcli.core.messages import notice
from bertcli.data import tables
from bertcli.data.class_folders import fingerprint_of_folders
from bertcli.data.folds import Fold, hold_out_fold
from bertcli.errors import ConfigError, DataError, InputFileError

DEV_SHARE = 0.1

SplitFiles = Mapping[str, Sequence[Path]]
SplitTables = Mapping[str, Sequence[tuple[str, Sequence[Table]]]]
"""Of each split the tables of its parts, which have names."""
WhenUnreadable = Callable[[str, InputFileError], None]
"""Is told of a part of a split that one of its files cannot be read, or has no rows."""


@dataclass(frozen=True)
class Splits:
    """All examples of a task; the first of several dev splits is the main one.

    ``sha256`` is that of the files' bytes; of a data set of the Hub, that of its name and revision: a commit fixes its
    rows, the branch of the Hub's conversion to Parquet does not, and what changes there goes unnoticed.
    """

    task: Task
    train: Examples
    dev: tuple[Examples, ...]
    test: tuple[Examples, ...]
    sha256: str

    def all(self) -> tuple[Examples, ...]:
        """Every split."""
        return (self.train, *self.dev, *self.test)


def find_files(
    *,
    data: Sequence[Path],
    given: SplitFiles,
    names: Mapping[str, tuple[str, ...]],
    suffixes: Sequence[str] = tables.SUFFIXES,
) -> dict[str, list[tuple[str, list[Path]]]]:
    """The files of each split: those ``given`` by flag, else those of ``data``, a folder or files with ``suffixes``.

    A split may have several parts that are scored apart (``dev_matched``, ``dev_mismatched``): a list of (name, files).
    Raises ``InputFileError`` where a file is missing or nothing says which split it is.
    """
    found: dict[str, list[tuple[str, list[Path]]]] = {}
    for path in data:
        if path.is_dir():
            for split, parts in tables.find_splits(path, dict(names), suffixes).items():
                for part, files in parts:
                    _join(found, split, part, files)
        elif path.exists():
            split = tables.split_of_file(path, suffixes) or "train"
            _add(found, split, path, names, suffixes)
        else:
            raise InputFileError("no such file or directory", path=path, hint="--data takes a folder or files")
    for split, paths in given.items():
        if paths:
            found[split] = []
        for path in paths:
            if not path.is_file() and tables.file_format(path, suffixes) != tables.FOLDER:
                raise InputFileError("no such file", path=path, hint=f"--{split} takes files")
            _add(found, split, path, names, suffixes)
    if "train" not in found:
        where = ", ".join(map(str, data))
        raise InputFileError(
            f"there is no training split: no {', '.join(f'train{suffix}' for suffix in suffixes)}",
            path=where,
            hint="name the files: --train FILE --dev FILE",
        )
    return found


def _add(
    found: dict[str, list[tuple[str, list[Path]]]],
    split: str,
    path: Path,
    names: Mapping[str, tuple[str, ...]],
    suffixes: Sequence[str],
) -> None:
    """Files whose name is that of a part stay apart; others are joined to one split."""
    name = tables.stem(path, suffixes)
    _join(found, split, name if name and len(names.get(split, ())) > 1 and name in names[split] else split, [path])


def _join(found: dict[str, list[tuple[str, list[Path]]]], split: str, part: str, files: Sequence[Path]) -> None:
    """Add files to a part of a split; a part of that name from elsewhere is the same part."""
    parts = found.setdefault(split, [])
    known = next((files for name, files in parts if name == part), None)
    if known is None:
        parts.append((part, list(files)))
    else:
        known.extend(files)


def read_tables(
    task: Task,
    files: Mapping[str, Sequence[tuple[str, Sequence[Path]]]],
    *,
    when_unreadable: WhenUnreadable | None = None,
) -> tuple[SplitTables, str]:
    """The tables of every split, and the fingerprint of all files.

    Files that cannot be read are left out where ``when_unreadable`` is there to be told of them; otherwise the first is
    an error.
    """
    digests: list[tuple[str, str]] = []
    for split, parts in files.items():
        for path in (path for _, paths in parts for path in paths):
            if not path.exists():
                raise InputFileError("no such file", path=path)
            digests.append((split, fingerprint_of_folders(path) if path.is_dir() else fingerprints.of_file(path)))
    read = {
        split: [(name, list(_tables_of(task, name, paths, when_unreadable))) for name, paths in parts]
        for split, parts in files.items()
    }
    return read, fingerprints.of_value(digests)


def _tables_of(
    task: Task, split: str, paths: Sequence[Path], when_unreadable: WhenUnreadable | None
) -> Iterator[Table]:
    for path in paths:
        try:
            yield task.read(path)
        except InputFileError as error:
            if when_unreadable is None:
                raise
            when_unreadable(split, error)


def load_hub_tables(hub: Any, names: Mapping[str, tuple[str, ...]]) -> tuple[SplitTables, str]:
    """The tables of every split of a data set of the Hub, and the fingerprint of its name and revision."""
    read: dict[str, list[tuple[str, list[Table]]]] = {}
    loaded = tables.load_from_hub(hub.dataset, hub.config, hub.revision)
    for split, theirs in hub.splits.items():
        read[split] = [
            (ours, [tables.from_hub(loaded[their], f"{hub.dataset}/{hub.config}/{their}")])
            for ours, their in zip(names.get(split, (split,)), theirs, strict=True)
            if their in loaded
        ]
    if not read.get("train"):
        raise DataError(f"the data set {hub.dataset} has no training split", hint="give files by --data DIR")
    return read, fingerprints.of_value([hub.dataset, hub.config, hub.revision])


def make_splits(
    task: Task,
    read: SplitTables,
    *,
    sha256: str,
    limit: int | None,
    seed: int,
    fold: Fold | None = None,
) -> Splits:
    """Examples of each split, the fitted task, and a dev split taken from the training split where none is given.

    With ``fold`` the dev split is that part of the training split. ``seed`` draws dev splits and folds, and the
    examples that ``limit`` leaves.
    """
    train = task.select([table for _, found in read["train"] for table in found], "train", labelled=True)
    fitted = task.fit(train)
    dev = tuple(fitted.select(found, name, labelled=True) for name, found in read.get("dev", ()))
    test = tuple(fitted.select(found, name, labelled=False) for name, found in read.get("test", ()))
    _refuse_errors(fitted, (train, *dev, *test))
    if fold is not None:
        if dev:
            notice(f"--folds: the {' and '.join(split.split for split in dev)} split is left aside")
        train = tables.sample(train, limit, seed=seed)
        train, held_out = hold_out_fold(train, task.keys(train), fold, seed=seed)
        dev = (held_out,)
    elif not dev:
        train, held_out = tables.split_off(train, task.keys(train), share=DEV_SHARE, seed=seed)
        dev = (held_out,)
        notice(
            f"no dev split: {len(held_out):,} of {len(train) + len(held_out):,} training examples become one, "
            "chosen by the hash of their text"
        )
    if limit is not None:
        notice(f"--limit {limit}: at most so many examples of every split are used")
    train = tables.sample(train, limit, seed=seed)
    return Splits(
        fitted.weighed(train),
        train,
        tuple(tables.sample(split, limit, seed=seed) for split in dev),
        tuple(tables.sample(split, limit, seed=seed) for split in test),
        sha256,
    )


def _refuse_errors(task: Task, splits: Sequence[Examples]) -> None:
    """Raise ``InputFileError`` for the first error in the content of any split; of warnings tell how many there are."""
    first, errors, warnings = None, 0, 0
    for fault in (fault for split in splits for fault in task.faults(split)):
        if fault.level == "error":
            first, errors = first or fault, errors + 1
        else:
            warnings += 1
    if first is not None:
        hints = [first.hint, f"{errors:,} errors in all: `bertcli doctor` lists them" if errors > 1 else None]
        hint = "; ".join(text for text in hints if text) or None
        raise InputFileError(first.message, path=first.path, line=first.line, hint=hint)
    if warnings:
        s = "s" if warnings > 1 else ""
        notice(f"{warnings:,} warning{s} about the content of the examples: `bertcli doctor` lists them")


def metric_suffix(name: str, main: str) -> str:
    """What tells a further split's metrics apart: ``dev_mismatched`` after ``dev_matched`` gives ``_mismatched``."""
    return "" if name == main else "_" + name.partition("_")[2]


def check_metrics(task: Task, thresholds: Mapping[str, float], suffixes: Sequence[str]) -> None:
    """Refuse thresholds on metrics that will not be there."""
    known = [f"{name}{suffix}" for suffix in suffixes for name in task.metrics]
    for name in thresholds:
        if name not in known:
            start = suggestion([name], known)
            raise ConfigError(
                f"--fail-under {name}: there is no such metric here", hint=f"{start}known: {', '.join(known)}"
            )
