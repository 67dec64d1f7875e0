"""The files that a corpus is made of: found by paths, addresses, folders and patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from bertcli.core.urls import is_url, without_credentials
from bertcli.errors import InputFileError
from bertcli.text.compression import COMPRESSED_SUFFIXES
from bertcli.text.records import TABLE_SUFFIXES
from bertcli.text.remote_files import CorpusFile, RemoteFile, open_filesystem, remote_faults

TEXT_SUFFIXES = (".txt", ".text", ".md")
SUFFIXES = (*TEXT_SUFFIXES, *TABLE_SUFFIXES)

_OUTPUTS = "bertcli-out"


def find_files(patterns: Sequence[str]) -> list[CorpusFile]:
    """The files that paths, addresses, folders (with all below them) and glob patterns name, once, in a settled order.

    Hidden files and ``bertcli-out`` are passed over in folders. Raises ``InputFileError`` where something is not
    there, matches nothing or is of no known format; ``UserError`` where an address needs a package that is missing.
    """
    found: dict[CorpusFile, CorpusFile] = {}
    for pattern in patterns:
        for file in _remote_matches(pattern) if is_url(pattern) else _matches(pattern):
            found.setdefault(file if isinstance(file, RemoteFile) else file.resolve(), file)
    return list(found.values())


def file_format(file: CorpusFile) -> str | None:
    """The suffix that says how a file is written, below a suffix of compression; None where it is not known."""
    name = file.name.lower()
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    return next((suffix for suffix in SUFFIXES if name.endswith(suffix)), None)


def _matches(pattern: str) -> list[Path]:
    if not pattern:
        raise InputFileError("the path of a corpus is empty", hint="is it a variable of the shell that is not set?")
    path = Path(pattern).expanduser()
    if path.is_file():
        _check_format(path)
        return [path]
    if path.is_dir():
        files = _files_below(path)
        if not files:
            raise _empty_folder(path)
        return files
    if not glob.has_magic(pattern):
        hint = "standard input is not read: write it to a file" if pattern == "-" else None
        raise InputFileError("no such file or folder", path=path, hint=hint)
    matches = [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 - a path's own glob is relative
    files = []
    for match in matches:
        if match.is_dir():
            files += [] if "**" in pattern else _files_below(match)
        elif file_format(match) is not None:
            files.append(match)
    if not files:
        raise _no_match(pattern, any_match=bool(matches))
    return files


def _files_below(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.rglob("*")) if file.is_file() and _is_wanted(file, file.relative_to(folder))]


def _remote_matches(url: str) -> list[RemoteFile]:
    filesystem, path = open_filesystem(url)
    shown = without_credentials(url)
    is_web = "http" in url.partition("://")[0]
    # In a web address a question mark begins the query.
    magic = re.search(r"[*\[]" if is_web else r"[*?\[]", path)
    if magic:
        if is_web:  # where listings fail without a word
            RemoteFile(shown, path[: magic.start()].rpartition("/")[0] + "/", filesystem).info()
        with remote_faults(shown):
            matches = filesystem.glob(path, detail=True)
        files = []
        for match, info in sorted(matches.items()):
            if info["type"] == "directory":
                files += [] if "**" in url else _remote_files_below(filesystem, match, shown)
            elif file_format(file := _remote_file(filesystem, match)) is not None:
                files.append(file)
        if not files:
            raise _no_match(shown, any_match=bool(matches))
        return files
    file = RemoteFile(shown, path, filesystem)
    # On the web nothing but the slash at its end shows a folder.
    if file.info()["type"] == "directory" or url.endswith("/"):
        files = _remote_files_below(filesystem, path, shown)
        if not files:
            raise _empty_folder(shown)
        return files
    _check_format(file)
    return [file]


def _remote_files_below(filesystem: Any, folder: str, shown: str) -> list[RemoteFile]:
    with remote_faults(shown):
        paths = sorted(filesystem.find(folder))
    start = folder.rstrip("/") + "/"
    files = ((_remote_file(filesystem, path), PurePosixPath(path.removeprefix(start))) for path in paths)
    return [file for file, below in files if _is_wanted(file, below)]


def _remote_file(filesystem: Any, path: str) -> RemoteFile:
    return RemoteFile(without_credentials(str(filesystem.unstrip_protocol(path))), path, filesystem)


def _is_wanted(file: CorpusFile, below: PurePosixPath | Path) -> bool:
    """Whether a file of a folder belongs to a corpus; ``below`` is its path there."""
    hidden = any(part.startswith(".") or part == _OUTPUTS for part in below.parts)
    return not hidden and file_format(file) is not None


def _check_format(file: CorpusFile) -> None:
    if file_format(file) is None:
        raise InputFileError(f"a file of no known format: {file.suffix or 'no suffix'}", path=file, hint=_known())


def _empty_folder(folder: object) -> InputFileError:
    return InputFileError("no file of a known format in this folder", path=folder, hint=_known())


def _no_match(pattern: str, *, any_match: bool) -> InputFileError:
    what = "only files of no known format" if any_match else "nothing"
    return InputFileError(f"the pattern matches {what}", path=pattern, hint=_known())


def _known() -> str:
    return f"known suffixes: {', '.join(SUFFIXES)}; each also with {', '.join(COMPRESSED_SUFFIXES)}"
