"""Arrow directories that ``datasets.load_from_disk`` opens, written and read in constant memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from bertcli.core import fingerprints
from bertcli.errors import DataError

_DATA_FILE = "data-00000-of-00001.arrow"


class ArrowSplitWriter:
    """Writes one split of a ``DatasetDict`` directory, one record batch at a time."""

    def __init__(self, directory: Path, schema: pa.Schema) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._schema = schema
        self._file = pa.OSFile(str(directory / _DATA_FILE), "wb")
        self._writer = pa.ipc.new_stream(self._file, schema)
        self.rows = 0

    def write(self, columns: Mapping[str, pa.Array]) -> None:
        """Append rows, given as one Arrow array per column."""
        batch = pa.record_batch([columns[name] for name in self._schema.names], schema=self._schema)
        self._writer.write_batch(batch)
        self.rows += batch.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._writer.close()
        self._file.close()
        if error is None:
            self._describe()

    def _describe(self) -> None:
        """The two JSON files by which ``datasets`` knows the features and finds the data file."""
        features = {field.name: _feature(field.type) for field in self._schema}
        info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
        state: dict[str, Any] = {
            "_data_files": [{"filename": _DATA_FILE}],
            "_fingerprint": fingerprints.of_file(self._directory / _DATA_FILE)[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": self._directory.name,
        }
        (self._directory / "dataset_info.json").write_text(json.dumps(info, indent=2))
        (self._directory / "state.json").write_text(json.dumps(state, indent=2))


def write_split_names(directory: Path, splits: list[str]) -> None:
    """The JSON file that makes a folder of splits a ``DatasetDict``."""
    (directory / "dataset_dict.json").write_text(json.dumps({"splits": splits}))


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    return {"dtype": str(kind), "_type": "Value"}


def read_record_batches(directory: Path) -> Iterator[pa.RecordBatch]:
    """The record batches of one split, through a memory map, without copying.

    Raises ``DataError`` where files are missing or damaged.
    """
    try:
        state = json.loads((directory / "state.json").read_text("utf-8"))
        for file in state["_data_files"]:
            with pa.memory_map(str(directory / file["filename"])) as source:
                yield from pa.ipc.open_stream(source)
    except (OSError, ValueError, KeyError, pa.ArrowInvalid) as error:
        raise DataError(
            f"the data are damaged or incomplete: {error}",
            path=directory,
            hint="build them again with `bertcli mask build`",
        ) from error
