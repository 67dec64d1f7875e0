"""A folder with one folder of text files for each class, as IMDb's reviews come: ``train/pos/0_9.txt``."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from bertcli.contracts.task import Table
from bertcli.core import fingerprints
from bertcli.core.messages import notice
from bertcli.errors import InputFileError

SUFFIX = ".txt"


def class_folders(path: Path) -> list[Path]:
    """The folders in a folder that hold text files, by name."""
    if not path.is_dir():
        return []
    return sorted(folder for folder in path.iterdir() if folder.is_dir() and any(folder.glob(f"*{SUFFIX}")))


def read_class_folders(path: Path, classes: Collection[str] = ()) -> Table:
    """Every text file as a row: ``id``, ``text`` and ``label``, the name of its folder.

    With ``classes`` other folders are passed over, which is told. Raises ``InputFileError`` for a file that is not
    UTF-8.
    """
    folders = class_folders(path)
    left = [folder.name for folder in folders if classes and folder.name not in classes]
    if left:
        notice(f"{path}: {', '.join(left)} is passed over, no label of the task")
    files = [file for folder in folders if folder.name not in left for file in sorted(folder.glob(f"*{SUFFIX}"))]
    if not files:
        raise InputFileError(f"no folder in it is named by a label: {', '.join(sorted(classes))}", path=path)
    columns = {
        "id": [f"{file.parent.name}/{file.stem}" for file in files],
        "text": [_text_of(file) for file in files],
        "label": [file.parent.name for file in files],
    }
    return Table(str(path), columns, [1] * len(files), [str(file) for file in files])


def fingerprint_of_folders(path: Path) -> str:
    """Of the names and bytes of all text files."""
    files = [file for folder in class_folders(path) for file in sorted(folder.glob(f"*{SUFFIX}"))]
    return fingerprints.of_value([(f"{file.parent.name}/{file.name}", fingerprints.of_file(file)) for file in files])


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputFileError(
            f"not UTF-8: byte 0x{error.object[error.start]:02x} at position {error.start + 1} of the file",
            path=file,
            hint="convert the file with `iconv -t UTF-8`",
        ) from error
