"""Rows of tables that hold text: JSON lines, comma- or tab-separated text, Parquet; read row by row.

Tab-separated files are read without quoting, as GLUE writes them; comma-separated files with it.
"""

from __future__ import annotations

import csv
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bertcli.core.component_folder import suggestion
from bertcli.errors import InputFileError
from bertcli.text.compression import COMPRESSED_SUFFIXES, open_binary
from bertcli.text.lines import Errors, read_lines
from bertcli.text.remote_files import CorpusFile, RemoteFile
from bertcli.text.spans import Spans, SpansError, read_spans

TABLE_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")

_ROWS_PER_BATCH = 1024
_LONGEST_C_INTEGER = 2**31 - 1  # the csv module keeps its limit in a C long, which has 32 bits on Windows


@dataclass(frozen=True, slots=True)
class Record:
    """What is read of a row: the line it begins on, its text and its group, None where the cell is null; its spans."""

    line: int
    text: str | None
    group: str | None
    spans: Spans = ()


def read_records(
    path: CorpusFile,
    suffix: str,
    *,
    text_column: str,
    group_column: str | None,
    errors: Errors,
    spans_column: str | None = None,
) -> Iterator[Record]:
    """The rows of a table. Raises ``InputFileError`` with the line (Parquet: the row) of what cannot be read."""
    columns = _Columns(path, text_column, group_column, spans_column, errors)
    match suffix:
        case ".jsonl":
            return _from_json_lines(columns)
        case ".csv":
            return _from_rows(columns, _comma_separated(path, errors))
        case ".tsv":
            return _from_rows(columns, _tab_separated(path, errors))
        case _:
            return _from_parquet(columns)


@dataclass(frozen=True)
class _Columns:
    """Which columns of which file are read, and how a row's cells become a record."""

    path: CorpusFile
    text: str
    group: str | None
    spans: str | None
    errors: Errors

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are read, each once."""
        return tuple(dict.fromkeys(name for name in (self.text, self.group, self.spans) if name is not None))

    def check(self, names: Sequence[str], line: int | None) -> None:
        """Refuse a table that lacks a column, naming those it has."""
        flags = {"--text-column": self.text, "--group-column": self.group, "--spans-column": self.spans}
        for flag, wanted in flags.items():
            if wanted is not None and wanted not in names:
                start = suggestion([wanted], names)
                raise InputFileError(
                    f"no column {wanted!r}",
                    path=self.path,
                    line=line,
                    hint=f"{start}columns: {', '.join(map(repr, names))}; choose with {flag}",
                )

    def record(self, line: int, cells: Mapping[str, Any]) -> Record:
        """A row's record, of its cells by column; of a row without text nothing but that is looked at.

        Raises ``InputFileError`` where its text is neither a string nor null, or its spans are none.
        """
        text, group = cells.get(self.text), cells.get(self.group) if self.group is not None else None
        if text is not None and not isinstance(text, str):
            raise InputFileError(
                f"the column {self.text!r} holds {_kind(text)} here, expected text", path=self.path, line=line
            )
        if isinstance(group, dict | list):
            raise InputFileError(
                f"the column {self.group!r} holds {_kind(group)} here, expected a name or a number",
                path=self.path,
                line=line,
            )
        spans: Spans = ()
        if self.spans is not None and text:
            try:
                spans = read_spans(cells.get(self.spans), text)
            except SpansError as error:
                raise InputFileError(f"the column {self.spans!r}: {error}", path=self.path, line=line) from error
        return Record(line, text, None if group is None else str(group), spans)


def _kind(value: Any) -> str:
    names = {bool: "a truth value", int: "a number", float: "a number", list: "a list", dict: "an object"}
    names[bytes] = "bytes"
    return names.get(type(value), f"a {type(value).__name__}")


def _from_json_lines(columns: _Columns) -> Iterator[Record]:
    checked = False
    for number, text in enumerate(read_lines(columns.path, errors=columns.errors), start=1):
        if not text or text.isspace():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise InputFileError(f"not a line of JSON: {error}", path=columns.path, line=number) from error
        except RecursionError as error:
            raise InputFileError("lists or objects in too many others", path=columns.path, line=number) from error
        if not isinstance(row, dict):
            raise InputFileError(f"expected an object, got {_kind(row)}", path=columns.path, line=number)
        if not checked:
            columns.check(list(row), number)
            checked = True
        cell = row.get(columns.text)
        if "\\u" in text and isinstance(cell, str):
            row[columns.text] = _without_lone_surrogates(cell, columns, number)
        yield columns.record(number, row)


def _without_lone_surrogates(cell: str, columns: _Columns, line: int) -> str:
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        if columns.errors == "strict":
            raise InputFileError(
                "half of a surrogate pair, which is no character",
                path=columns.path,
                line=line,
                hint="--errors replace reads it with U+FFFD there",
            ) from error
        return cell.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return cell


def _from_rows(columns: _Columns, rows: Iterator[tuple[int, list[str]]]) -> Iterator[Record]:
    line, names = next(rows, (0, []))
    if not names:
        return
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None and repeated in columns.names:
        raise InputFileError(f"the column {repeated!r} stands in the header twice", path=columns.path, line=line)
    columns.check(names, line)
    places = {name: names.index(name) for name in columns.names}
    for line, cells in rows:
        if len(cells) != len(names):
            raise InputFileError(
                f"{len(cells)} cells in this row, {len(names)} columns in the header",
                path=columns.path,
                line=line,
                hint=f"columns: {', '.join(map(repr, names))}",
            )
        yield columns.record(line, {name: cells[at] for name, at in places.items()})


def _tab_separated(path: CorpusFile, errors: Errors) -> Iterator[tuple[int, list[str]]]:
    for number, text in enumerate(read_lines(path, errors=errors), start=1):
        if text:
            yield number, text.split("\t")


def _comma_separated(path: CorpusFile, errors: Errors) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(min(sys.maxsize, _LONGEST_C_INTEGER))
    reader = csv.reader((f"{text}\n" for text in read_lines(path, errors=errors)), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise InputFileError(f"not valid CSV: {error}", path=path, line=begins) from error


def _from_parquet(columns: _Columns) -> Iterator[Record]:
    import pyarrow
    import pyarrow.parquet

    path = columns.path
    try:
        with tempfile.TemporaryFile() as unpacked, open_binary(path) as file:
            source: Any = path
            if isinstance(path, RemoteFile) or path.suffix.lower() in COMPRESSED_SUFFIXES:
                # Parquet is read from its end, and neither can be: it is unpacked or fetched whole first.
                shutil.copyfileobj(file, unpacked)
                source = unpacked
            table = pyarrow.parquet.ParquetFile(source)
            columns.check(table.schema_arrow.names, None)
            yield from _from_batches(columns, table.iter_batches(_ROWS_PER_BATCH, columns=list(columns.names)))
    except (pyarrow.ArrowInvalid, pyarrow.ArrowNotImplementedError) as error:
        raise InputFileError(f"not a Parquet file: {str(error).splitlines()[0]}", path=path) from error
    except OSError as error:
        raise InputFileError(f"cannot be read: {error.strerror or str(error).splitlines()[0]}", path=path) from error


def _from_batches(columns: _Columns, batches: Iterable[Any]) -> Iterator[Record]:
    row = 0
    for batch in batches:
        cells = [_cells(batch[name], columns, row) for name in columns.names]
        for values in zip(*cells, strict=True):
            row += 1
            yield columns.record(row, dict(zip(columns.names, values, strict=True)))


def _cells(array: Any, columns: _Columns, row: int) -> list[Any]:
    """The values of a column; ``row`` rows stand before it. Parquet promises UTF-8 and checks nothing."""
    import pyarrow

    try:
        return list(array.to_pylist())
    except UnicodeDecodeError:
        if pyarrow.types.is_dictionary(array.type):
            array = array.dictionary_decode()
    cells = []
    for number, data in enumerate(array.cast(pyarrow.large_binary()).to_pylist(), start=row + 1):
        try:
            cells.append(data if data is None else data.decode("utf-8", columns.errors))
        except UnicodeDecodeError as error:
            raise InputFileError(
                f"not UTF-8: byte 0x{data[error.start]:02x} at position {error.start + 1} of the cell",
                path=columns.path,
                line=number,
                hint="--errors replace reads it with U+FFFD there",
            ) from error
    return cells
