"""Outputs that are either whole or not there.

Files and directories are written beside their place under a ``.partial`` name and renamed when they are
complete. An error of the user's or a failure removes the partial output; of a directory that can be continued, a
failure leaves it, and so does every error once there is finished work in it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from bertcli.errors import OutputError, UserError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK_NAME = ".lock"
"""In a partial directory that can be continued: held by the process that is writing it."""


def partial_path(path: Path) -> Path:
    """Where an output is written before it is renamed: ``.NAME.partial`` beside it."""
    return path.with_name(f".{path.name}.partial")


def sync_file(path: Path) -> None:
    """Have the contents of a file, or the names in a directory, on disk before anything else is done."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


MARKS = ("manifest.json", "result.json")
"""Files by which a directory shows that a command wrote it; ``--overwrite`` removes no other."""


def check_output_dir(
    path: Path, *, overwrite: bool, resumable: bool = False, inputs: Iterable[str | Path] = ()
) -> None:
    """Refuse, before any work, an output directory that is in the way or cannot be made.

    ``overwrite`` replaces only what a command has written, and never a directory that holds one of the ``inputs``.
    Raises ``OutputError`` naming ``--overwrite`` and ``-o`` (and ``--resume`` where that exists).
    """
    elsewhere = "choose another place with -o"
    whole = path.resolve()
    if whole == Path.cwd() or whole in Path.cwd().parents:
        raise OutputError("the output cannot be the current directory or one above it", path=path, hint=elsewhere)
    if path.exists() and not path.is_dir():
        raise OutputError("the output is a file, not a directory", path=path, hint=elsewhere)
    if path.is_dir() and any(path.iterdir()):
        if not overwrite:
            ways = "--resume continues it, " if resumable else ""
            raise OutputError(
                "the output directory is not empty",
                path=path,
                hint=f"{ways}--overwrite replaces it, -o DIR writes elsewhere",
            )
        if not any((path / mark).is_file() for mark in MARKS):
            raise OutputError("the output directory holds files that bertcli did not write", path=path, hint=elsewhere)
        for given in inputs:
            source = Path(str(given).removeprefix("file://")).resolve()
            if source.exists() and (source == whole or whole in source.parents):
                raise OutputError(f"the output directory holds an input, {given}", path=path, hint=elsewhere)
    check_writable(path)


def check_writable(path: Path) -> None:
    """Refuse a path whose nearest existing parent cannot be written to."""
    parent = path.absolute()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError("a file stands where a directory is needed", path=parent, hint="choose another place with -o")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError("the directory cannot be written to", path=parent, hint="choose another place with -o")


@contextmanager
def new_directory(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a partial directory that becomes ``path`` when the block ends, or vanishes when it fails.

    What stands at ``path`` is replaced with ``overwrite``; a command asks ``check_output_dir`` first.
    """
    if not overwrite and path.exists() and any(path.iterdir()):
        check_output_dir(path, overwrite=False)
    check_writable(path)
    path = path.absolute()
    partial = partial_path(path)
    with _full_disk_is_said(path):
        shutil.rmtree(partial, ignore_errors=True)
        _make(partial)
        try:
            yield partial
            replace_directory(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def _make(partial: Path) -> None:
    try:
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OutputError(
            f"no directory can be made there: {error.strerror}",
            path=partial.parent,
            hint="choose another place with -o",
        ) from error


def _has_none(partial: Path) -> bool:
    return False


@contextmanager
def resumable_directory(
    path: Path, *, overwrite: bool = False, has_work: Callable[[Path], bool] = _has_none
) -> Iterator[Path]:
    """Like ``new_directory``, but the partial directory may hold what an earlier attempt left.

    What ends the block leaves it or not as in ``resumable_scratch``.
    """
    if not overwrite and path.exists() and any(path.iterdir()):
        check_output_dir(path, overwrite=False)
    with resumable_scratch(path, has_work=has_work) as partial:
        yield partial
        (partial / LOCK_NAME).unlink()
        replace_directory(partial, path.absolute())


@contextmanager
def resumable_scratch(path: Path, *, has_work: Callable[[Path], bool] = _has_none) -> Iterator[Path]:
    """Yield the partial directory of ``path``, perhaps with what an earlier attempt left; gone when the block ends.

    An error of the user's removes it unless it ``has_work`` that is finished: the network is not to blame on the user,
    nor a cluster. Whatever else ends the block, a full disk among it, leaves it for the next one.
    """
    check_writable(path)
    path = path.absolute()
    partial = partial_path(path)
    with _full_disk_is_said(path, "free some room: the same command then continues"):
        _make(partial)
        lock = _lock(partial)
        try:
            yield partial
        except UserError as error:
            if not _is_full_disk(error.__cause__) and not has_work(partial):
                shutil.rmtree(partial, ignore_errors=True)
            raise
        finally:
            lock.close()
        shutil.rmtree(partial, ignore_errors=True)


def _lock(partial: Path) -> IO[bytes]:
    """Keep other processes out of a partial directory until this one closes the file or ends, however it ends."""
    file = (partial / LOCK_NAME).open("ab")
    if fcntl is not None:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                file.close()
                raise OutputError(
                    "another process is writing this", path=partial, hint="wait for it, or choose another place with -o"
                ) from error
            # Some network file systems know no locks.
    return file


def replace_directory(partial: Path, path: Path) -> None:
    """Rename ``partial`` to ``path``, durably; what stood at ``path`` is removed only afterwards."""
    for file in partial.rglob("*"):
        if file.is_file():
            sync_file(file)
    old = path.with_name(f".{path.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    partial.rename(path)
    sync_file(path.parent)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Yield a partial file path that becomes ``path`` when the block ends, or vanishes when it fails."""
    check_writable(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_path(path)
    with _full_disk_is_said(path):
        try:
            yield partial
            sync_file(partial)
            partial.replace(path)
            sync_file(path.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write a whole text file, atomically."""
    with new_file(path) as partial:
        # The name of a file need not be UTF-8; what stands for its other bytes is escaped as JSON does it.
        partial.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file, atomically, for people to read as well; NaN and infinity, which JSON has not, are refused."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def _full_disk_is_said(path: Path, hint: str = "free some room or write elsewhere with -o") -> Iterator[None]:
    try:
        yield
    except (OSError, OutputError) as error:
        if not _is_full_disk(error) and not _is_full_disk(error.__cause__):
            raise
        raise OutputError("the disk is full", path=path, hint=hint) from error


def _is_full_disk(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
