"""Files of vectors (.npz, .parquet, .safetensors), written piece by piece in constant memory, whole or not at all.

One vector per text: ``features`` (texts, dimensions). One per piece: ``features`` (pieces, dimensions) with
``input_ids`` (pieces,) and ``lengths`` (texts,), the number of pieces of each text; in Parquet, lists instead. What
made the vectors stands as JSON under ``bertcli`` in the file's metadata, in .npz in an array of that name.
"""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bertcli.core import atomic
from bertcli.errors import OutputError

METADATA_KEY = "bertcli"


@dataclass(frozen=True)
class Vectors:
    """The vectors of some texts, in order.

    ``features`` is (texts, dimensions), or (pieces, dimensions) with ``input_ids`` (pieces,) and ``lengths`` (texts,).
    """

    features: NDArray[np.float32]
    input_ids: NDArray[np.int32] | None = None
    lengths: NDArray[np.int64] | None = None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Those that are there, by name."""
        named = {"features": self.features, "input_ids": self.input_ids, "lengths": self.lengths}
        return {name: array for name, array in named.items() if array is not None}


class FeatureWriter(Protocol):
    """Takes vectors piece by piece; ``finish`` comes last."""

    def append(self, vectors: Vectors) -> None:
        """Write the vectors of the next texts."""

    def finish(self, metadata: dict[str, Any]) -> None:
        """Write the metadata, and what could not be written before."""


def check_output_file(path: Path, *, overwrite: bool) -> None:
    """Refuse, before any work, an output file that is in the way or cannot be made."""
    if path.is_dir():
        raise OutputError("the output is a directory, not a file", path=path, hint="choose a file with -o")
    if path.exists() and not overwrite:
        hint = "--overwrite replaces it, -o FILE writes elsewhere"
        raise OutputError("the output is there already", path=path, hint=hint)
    atomic.check_writable(path.parent)


@contextmanager
def new_feature_file(path: Path) -> Iterator[FeatureWriter]:
    """A writer for the format that the suffix names; the file appears when the block ends, complete."""
    with atomic.new_file(path) as partial:
        if path.suffix == ".parquet":
            with closing(_ParquetWriter(partial)) as parquet:
                yield parquet
            return
        write = _write_npz if path.suffix == ".npz" else _write_safetensors
        with (
            tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder,
            closing(_SpooledWriter(partial, Path(folder), write)) as spooled,
        ):
            yield spooled


@dataclass
class _Spool:
    """An array that grows on disk, because its header can only be written once its length is known."""

    file: IO[bytes]
    dtype: np.dtype[Any]
    tail: tuple[int, ...]
    rows: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.rows, *self.tail)

    @property
    def size_bytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    def append(self, array: NDArray[Any]) -> None:
        self.file.write(np.ascontiguousarray(array, dtype=self.dtype).data)
        self.rows += len(array)

    def copy_to(self, target: IO[bytes]) -> None:
        self.file.seek(0)
        shutil.copyfileobj(self.file, target, 1 << 20)


class _SpooledWriter:
    def __init__(self, path: Path, folder: Path, write: Any) -> None:
        self._path, self._folder, self._write = path, folder, write
        self._spools: dict[str, _Spool] = {}

    def append(self, vectors: Vectors) -> None:
        for name, array in vectors.arrays().items():
            if name not in self._spools:
                file = (self._folder / name).open("w+b")
                self._spools[name] = _Spool(file, array.dtype.newbyteorder("<"), array.shape[1:])
            self._spools[name].append(array)

    def finish(self, metadata: dict[str, Any]) -> None:
        self._write(self._path, self._spools, json.dumps(metadata, ensure_ascii=False))

    def close(self) -> None:
        for spool in self._spools.values():
            spool.file.close()


def _write_npz(path: Path, spools: dict[str, _Spool], metadata: str) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, spool in spools.items():
            # A ZipInfo of its own carries no time of day: equal vectors give equal bytes.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                header = {"descr": spool.dtype.str, "fortran_order": False, "shape": spool.shape}
                np.lib.format.write_array_header_1_0(member, header)
                spool.copy_to(member)
        with archive.open(zipfile.ZipInfo(f"{METADATA_KEY}.npy"), "w") as member:
            np.lib.format.write_array(member, np.asarray(metadata), allow_pickle=False)


_SAFETENSORS_NAMES = {"<f4": "F32", "<i4": "I32", "<i8": "I64"}


def _write_safetensors(path: Path, spools: dict[str, _Spool], metadata: str) -> None:
    header: dict[str, Any] = {"__metadata__": {METADATA_KEY: metadata}}
    begin = 0
    for name, spool in sorted(spools.items(), key=lambda entry: (-entry[1].dtype.itemsize, entry[0])):
        end = begin + spool.size_bytes
        kind = _SAFETENSORS_NAMES[spool.dtype.str]
        header[name] = {"dtype": kind, "shape": list(spool.shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in header:
            if name in spools:
                spools[name].copy_to(file)


class _ParquetWriter:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: Any = None

    def append(self, vectors: Vectors) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        dimensions = vectors.features.shape[1]
        rows: Any = pa.FixedSizeListArray.from_arrays(pa.array(vectors.features.reshape(-1)), dimensions)
        columns = {"features": rows}
        if vectors.lengths is not None:
            offsets = pa.array(np.concatenate([[0], np.cumsum(vectors.lengths)]), type=pa.int64())
            columns = {
                "features": pa.LargeListArray.from_arrays(offsets, rows),
                "input_ids": pa.LargeListArray.from_arrays(offsets, pa.array(vectors.input_ids)),
            }
        table = pa.table(columns)
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    def finish(self, metadata: dict[str, Any]) -> None:
        self._writer.add_key_value_metadata({METADATA_KEY: json.dumps(metadata, ensure_ascii=False)})

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
