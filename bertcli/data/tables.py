"""Labelled tables: tab- or comma-separated text, JSON lines, Parquet or a data set of the Hub, read into columns.

Every row keeps the line on which it begins, so that a fault can be shown where it stands. Tab-separated files are read
without quoting, as GLUE writes them; comma-separated files with it. ``.label`` files are those of TREC's questions:
``DESC:manner How did serfdom develop ?`` gives the columns ``label``, ``fine_label`` and ``text``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bertcli.contracts.task import Examples, Table
from bertcli.core.component_folder import suggestion
from bertcli.core.randomness import hash64
from bertcli.data.class_folders import class_folders
from bertcli.errors import DataError, EmptyTableError, InputFileError
from bertcli.text.compression import COMPRESSED_SUFFIXES, open_binary

SUFFIXES = (".tsv", ".csv", ".jsonl", ".parquet", ".label")
FOLDER = "/"
"""The suffix of a folder with a folder of texts for each class."""
SPLIT_NAMES = {"train": ("train",), "dev": ("dev", "validation", "valid", "val"), "test": ("test",)}

CONVERTED = "refs/convert/parquet"
"""The branch of a data set on which the Hub keeps its own conversion to Parquet, also of what a script had to load.

The Hub may convert anew, so the branch fixes no rows as a commit does."""

_LONGEST_C_INTEGER = 2**31 - 1  # the csv module keeps its limit in a C long, which has 32 bits on Windows
_STRAY_BYTE = re.compile(rb"\xf0(?![\x80-\xbf])")
"""TREC's published questions have one byte that is no UTF-8; it stands for a space."""

Rows = Iterator[tuple[int, list[str]]]


def file_format(path: Path, suffixes: Sequence[str] = SUFFIXES) -> str | None:
    """Which of ``suffixes`` says how a file is written, below a suffix of compression; None where none does."""
    if FOLDER in suffixes and class_folders(path):
        return FOLDER
    name = path.name.lower()
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    return next((suffix for suffix in suffixes if name.endswith(suffix)), None)


def read_table(
    path: Path, *, text_columns: Sequence[str] = (), header: Sequence[str] = (), skip_ragged: bool = False
) -> tuple[Table, int]:
    """The rows of a file by column, and the number of ragged rows that ``skip_ragged`` passed over.

    ``header`` are the columns of files without a header line; a first row in which one of ``text_columns`` stands is
    a header all the same. Raises ``InputFileError`` with file and line.
    """
    match file_format(path):
        case ".jsonl":
            return _from_json_lines(path), 0
        case ".parquet":
            return _from_parquet(path), 0
        case ".label":
            return _from_label_lines(path), 0
        case ".tsv":
            rows = _tab_separated(path)
        case ".csv":
            rows = _comma_separated(path)
        case _:
            raise InputFileError(
                "not a table that can be read",
                path=path,
                hint=f"known suffixes: {', '.join(SUFFIXES)}, also compressed",
            )
    return _from_rows(path, rows, text_columns=text_columns, header=header, skip_ragged=skip_ragged)


def find_splits(
    directory: Path, names: dict[str, tuple[str, ...]], suffixes: Sequence[str] = SUFFIXES
) -> dict[str, list[tuple[str, list[Path]]]]:
    """The files of a folder by split: ``train.tsv``, ``dev.csv.gz``, …; ``names`` are those of the parts of a split.

    Where no file has a split's plain name, one is taken that says it, as ``train-v1.1.json`` does. Raises
    ``InputFileError`` where two files claim one part.
    """
    found: dict[str, list[tuple[str, list[Path]]]] = {}
    listed_files = sorted(directory.iterdir())
    for split in SPLIT_NAMES:
        for part in names.get(split, (split,)):
            stems = SPLIT_NAMES[split] if part == split else (part,)
            files = [file for file in listed_files if stem(file, suffixes) in stems]
            if not files and part == split:
                files = [file for file in listed_files if split_of_file(file, suffixes) == split]
            if len(files) > 1:
                listed = ", ".join(file.name for file in files)
                raise InputFileError(
                    f"several files could be the {part} split: {listed}",
                    path=directory,
                    hint=f"choose with --{split} FILE",
                )
            if files:
                found.setdefault(split, []).append((part, files))
    return found


def stem(path: Path, suffixes: Sequence[str] = SUFFIXES) -> str | None:
    """The name of a file without its suffixes; None where it is hidden or has none of ``suffixes``."""
    suffix = file_format(path, suffixes)
    if suffix is None or path.name.startswith("."):
        return None
    if suffix == FOLDER:
        return path.name
    name = path.name[: path.name.lower().rindex(suffix)]
    return name.rpartition("-ud-")[2] if suffix == ".conllu" else name  # en_ewt-ud-train.conllu


def split_of_file(path: Path, suffixes: Sequence[str] = SUFFIXES) -> str | None:
    """The split that a file's name says first, as ``dev_matched.tsv`` does, or else last, as ``squad_dev.json``."""
    words = re.split(r"[_.-]", (stem(path, suffixes) or "").lower())
    for word in (words[0], words[-1]):
        for split, names in SPLIT_NAMES.items():
            if word in names:
                return split
    return None


def find_column(table: Table, wanted: Sequence[str], *, flag: str) -> str:
    """The first of the ``wanted`` columns that the table has. Raises ``InputFileError`` naming those it has."""
    for name in wanted:
        if name in table.columns:
            return name
    start = suggestion(wanted, table.columns)
    raise InputFileError(
        f"no column {' or '.join(map(repr, wanted))}",
        path=table.path,
        hint=f"{start}columns: {', '.join(map(repr, table.columns))}; choose with {flag}",
    )


def text_cell(table: Table, column: str, row: int) -> str:
    """A cell that must hold text. Raises ``InputFileError`` with file and line where it does not."""
    cell = table.columns[column][row]
    if not isinstance(cell, str):
        found = "nothing" if cell is None else f"a {type(cell).__name__}"
        raise InputFileError(
            f"the column {column!r} holds {found} here, expected text", path=table.path, line=table.lines[row]
        )
    return cell


@dataclass(frozen=True)
class NoLabel:
    """What stands where a label is expected, in the words of a message."""

    found: str


def label_of(cell: Any) -> str | NoLabel:
    """A cell as the label that a text file would have for it."""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() else str(cell) if math.isfinite(cell) else NoLabel(str(cell))
    if isinstance(cell, str | int) and str(cell).strip():
        return str(cell).strip()
    return NoLabel("nothing" if is_nothing(cell) else f"a {type(cell).__name__}")


def is_nothing(cell: Any) -> bool:
    """Whether a cell is empty; NaN is how pandas writes an empty cell of a column of numbers."""
    return (
        cell is None or (isinstance(cell, str) and not cell.strip()) or (isinstance(cell, float) and math.isnan(cell))
    )


def from_hub(dataset: Any, name: str) -> Table:
    """A split of a data set of the Hub; class labels become their names, -1 (hidden) becomes None, also in lists."""
    columns: dict[str, Sequence[Any]] = {}
    for column, feature in dataset.features.items():
        values = list(dataset[column])
        inner: Any = getattr(feature, "feature", None)  # of a list
        if hasattr(feature, "int2str"):
            values = _named(values, feature.names)
        elif hasattr(inner, "int2str"):
            values = [value and _named(value, inner.names) for value in values]
        if column == "label" and all(value == -1 for value in values):
            values = [None] * len(values)
        columns[column] = values
    return Table(name, columns, range(1, len(dataset) + 1))


def _named(numbers: Sequence[int | None], names: Sequence[str]) -> list[str | None]:
    """The names of class numbers; None of what is hidden."""
    return [None if number is None or number < 0 else names[int(number)] for number in numbers]


def split_off(examples: Examples, keys: Sequence[str], *, share: float, seed: int) -> tuple[Examples, Examples]:
    """Examples in two parts, train and dev; those with equal keys stay together.

    A key goes to dev where its hash is below ``share``, and never none of them. Raises ``InputFileError`` where there
    are fewer than two keys.
    """
    hashes = np.asarray([_hash(key, seed) for key in keys], dtype=np.uint64)
    if len(np.unique(hashes)) < 2:
        raise InputFileError(
            "a single text, from which no dev split can be made",
            path=examples.paths[0],
            hint="give one with --dev FILE",
        )
    bound = max(np.uint64(share * 2.0**64), hashes.min() + np.uint64(1))
    held_out = hashes < min(bound, hashes.max())
    return examples.take(np.flatnonzero(~held_out)), examples.take(np.flatnonzero(held_out), "dev")


def sample(examples: Examples, limit: int | None, *, seed: int) -> Examples:
    """At most ``limit`` examples, drawn by the hash of their number, in their order."""
    if limit is None or len(examples) <= limit:
        return examples
    chosen = np.argsort(hash64(seed, "limit", np.arange(len(examples))), kind="stable")[:limit]
    return examples.take(np.sort(chosen))


def _hash(key: str, seed: int) -> int:
    text = unicodedata.normalize("NFC", key).encode()
    salt = (seed & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8, key=salt).digest(), "little")


def _from_rows(
    path: Path, rows: Rows, *, text_columns: Sequence[str], header: Sequence[str], skip_ragged: bool
) -> tuple[Table, int]:
    first_line, first = next(rows, (0, []))
    if not first:
        raise EmptyTableError("the table is empty", path=path)
    names = list(header)
    lines: list[int] = []
    kept: list[list[str]] = []
    if not names or any(name in first for name in text_columns):
        names = first
    else:
        rows = _again(first_line, first, rows)
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise InputFileError(f"the column {repeated!r} stands in the header twice", path=path, line=first_line)
    ragged = 0
    for line, cells in rows:
        if len(cells) != len(names):
            if not skip_ragged:
                raise InputFileError(
                    f"{len(cells)} cells in this row, {len(names)} columns in the header",
                    path=path,
                    line=line,
                    hint=f"columns: {', '.join(map(repr, names))}",
                )
            ragged += 1
            continue
        lines.append(line)
        kept.append(cells)
    if not kept:
        raise EmptyTableError("the table has a header and no rows", path=path)
    return Table(str(path), dict(zip(names, map(list, zip(*kept, strict=True)), strict=True)), lines), ragged


def _again(line: int, cells: list[str], rows: Rows) -> Rows:
    yield line, cells
    yield from rows


def _tab_separated(path: Path) -> Rows:
    for number, text in text_lines(path):
        stripped = text.rstrip("\r\n")
        if stripped:
            yield number, stripped.split("\t")


def _comma_separated(path: Path) -> Rows:
    csv.field_size_limit(min(sys.maxsize, _LONGEST_C_INTEGER))
    reader = csv.reader((text for _, text in text_lines(path)), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputFileError(f"not valid CSV: {error}", path=path, line=begins) from error


def _from_json_lines(path: Path) -> Table:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, text in text_lines(path):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise InputFileError(f"not a line of JSON: {error}", path=path, line=number) from error
        if not isinstance(row, dict):
            raise InputFileError(f"expected an object, got a {type(row).__name__}", path=path, line=number)
        if "\\u" in text and _has_lone_surrogate(row):
            raise InputFileError("half of a surrogate pair, which is no character", path=path, line=number)
        rows.append(row)
        lines.append(number)
    if not rows:
        raise EmptyTableError("the table is empty", path=path)
    names = dict.fromkeys(name for row in rows for name in row)
    return Table(str(path), {name: [row.get(name) for row in rows] for name in names}, lines)


def _has_lone_surrogate(row: dict[str, Any]) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _from_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet

    try:
        with open_binary(path) as file:  # Parquet is read from its end, so a compressed one is unpacked first
            compressed = path.suffix.lower() in COMPRESSED_SUFFIXES
            table = pyarrow.parquet.ParquetFile(io.BytesIO(file.read()) if compressed else path).read()
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(f"not a Parquet file: {reason}", path=path) from error
    except OSError as error:
        raise InputFileError(f"cannot be read: {error.strerror or error}", path=path) from error
    if not len(table):
        raise EmptyTableError("the table is empty", path=path)
    columns = {name: table[name].to_pylist() for name in table.column_names}
    for name, classes in _classes_in_lists(table.schema.metadata).items():
        columns[name] = [cell and _named(cell, classes) for cell in columns[name]]
    return Table(str(path), columns, range(1, len(table) + 1))


def _classes_in_lists(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """Columns with lists of class numbers, and the classes' names, as the datasets library notes them in the file."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        inner = {name: feature.get("feature") for name, feature in features.items() if isinstance(feature, dict)}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}
    return {
        name: feature["names"]
        for name, feature in inner.items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
    }


def _from_label_lines(path: Path) -> Table:
    columns: dict[str, list[Any]] = {"label": [], "fine_label": [], "text": []}
    lines: list[int] = []
    for number, line in text_lines(path, stray=_STRAY_BYTE):
        if not line.strip():
            continue
        label, _, text = line.strip().partition(" ")
        coarse, colon, fine = label.partition(":")
        if not (coarse and colon and fine and text):
            raise InputFileError(
                "expected LABEL:detail and a text behind a space",
                path=path,
                line=number,
                hint="as in `DESC:manner How did serfdom develop ?`; other tables are .tsv, .csv or .jsonl",
            )
        for name, value in (("label", coarse), ("fine_label", label), ("text", text)):
            columns[name].append(value)
        lines.append(number)
    if not lines:
        raise EmptyTableError("the table is empty", path=path)
    return Table(str(path), columns, lines)


def text_lines(path: Path, *, stray: re.Pattern[bytes] | None = None) -> Iterator[tuple[int, str]]:
    """Lines as text, without the byte order mark of the first. Only a line feed ends a line.

    What ``stray`` finds is read as a space.
    """
    with open_binary(path) as file:
        for number, line in enumerate(file, start=1):
            if stray is not None:
                line = stray.sub(b" ", line)  # noqa: PLW2901
            try:
                text = line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise InputFileError(
                    f"not UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1} of the line",
                    path=path,
                    line=number,
                    hint="convert the file with `iconv -t UTF-8`",
                ) from error
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def load_from_hub(dataset: str, config: str | None, revision: str | None) -> Any:
    """A data set of the Hub by split, at a revision: a commit, or ``CONVERTED``. ``HF_HUB_OFFLINE`` is honoured.

    Raises ``DataError`` where it cannot be had.
    """
    import datasets
    from datasets.exceptions import DatasetsError

    try:
        if revision == CONVERTED:  # has a folder for each configuration, and nothing that says which there are
            return datasets.load_dataset(dataset, data_dir=config, revision=revision)
        return datasets.load_dataset(dataset, config, revision=revision)
    except (OSError, ValueError, DatasetsError) as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise DataError(
            f"the data set {dataset} cannot be had from the Hub: {reason}",
            hint="give a folder with train.tsv and dev.tsv by --data DIR",
        ) from error
