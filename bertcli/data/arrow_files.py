"""Arrow directories that ``datasets.load_from_disk`` opens, written and read in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bertcli.core import atomic, fingerprints
from bertcli.errors import DataError

FIRST_FILE = "data-00000.arrow"


class ArrowFileWriter:
    """Writes one file, one record batch at a time; a context, at whose end the file is whole."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_stream(self._file, schema)
        self.rows = 0

    def write(self, columns: Mapping[str, pa.Array]) -> None:
        """Append rows, given as one Arrow array per column."""
        batch = pa.record_batch([columns[name] for name in self.schema.names], schema=self.schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def close(self) -> None:
        """End the file."""
        try:
            self._writer.close()
        finally:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def describe_split(directory: Path, schema: pa.Schema, files: Mapping[str, str]) -> None:
    """The two JSON files by which ``datasets`` knows the features and finds ``files``, names with their SHA-256."""
    features = {field.name: _feature(field.type) for field in schema}
    info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
    state: dict[str, Any] = {
        "_data_files": [{"filename": name} for name in files],
        "_fingerprint": fingerprints.of_value(list(files.values()))[:16],
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": directory.name,
    }
    atomic.write_json(directory / "dataset_info.json", info)
    atomic.write_json(directory / "state.json", state)


def write_split_names(directory: Path, splits: list[str]) -> None:
    """The JSON file that makes a folder of splits a ``DatasetDict``."""
    atomic.write_json(directory / "dataset_dict.json", {"splits": splits})


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {"dtype": str(kind), "_type": "Value"}


def split_files(directory: Path) -> list[Path]:
    """The files of a split, as its own description lists them. Raises ``DataError`` where there is none."""
    with _damage_is_said(directory):
        state = json.loads((directory / "state.json").read_text("utf-8"))
        return [directory / file["filename"] for file in state["_data_files"]]


def read_schema(path: Path) -> pa.Schema:
    """The columns of a file and their types. Raises ``DataError`` where it is missing or damaged."""
    with _damage_is_said(path), pa.memory_map(str(path)) as source:
        return pa.ipc.open_stream(source).schema


def arrow_values(values: NDArray[Any], kind: pa.DataType) -> pa.Array:
    """The values of a numpy array as they lie in memory, as numbers or truths of that very kind.

    ``pa.array`` would import pandas first, to see whether pandas made them.
    """
    if pa.types.is_boolean(kind):
        data = np.packbits(values, bitorder="little")
    else:
        data = np.ascontiguousarray(values, dtype=kind.to_pandas_dtype())
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(data)])


def read_record_batches(files: Path | Sequence[Path]) -> Iterator[pa.RecordBatch]:
    """The record batches of files, or of all those of a split, through memory maps, without copying.

    Raises ``DataError`` where files are missing or damaged.
    """
    for file in split_files(files) if isinstance(files, Path) else files:
        with _damage_is_said(file), pa.memory_map(str(file)) as source:
            yield from pa.ipc.open_stream(source)


@contextmanager
def _damage_is_said(path: Path) -> Iterator[None]:
    """What Arrow or the file system says of a file, as one line about it."""
    try:
        yield
    except (OSError, ValueError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"the data are damaged or incomplete: {error}",
            path=path,
            hint="build them again with `bertcli mask build`",
        ) from error
