"""Finished rows of static data, written from the examples of a token store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bertcli.contracts.batch import IGNORED
from bertcli.contracts.vocabulary import Vocabulary
from bertcli.core.messages import Progress
from bertcli.data.arrow_files import FIRST_FILE, ArrowFileWriter, describe_split
from bertcli.data.examples import DynamicExamples
from bertcli.data.shards import ShardFile

_ROWS_PER_CALL = 1024


def write_static_rows(
    directory: Path,
    examples: DynamicExamples,
    vocabulary: Vocabulary,
    *,
    seq_length: int,
    copies: int,
    label_columns: tuple[str, ...],
    progress: Progress,
) -> ShardFile:
    """Write a split of finished rows, padded to ``seq_length``, and return its one file.

    Copy ``c`` is epoch ``c``'s examples.
    """
    ids = pa.uint16() if vocabulary.size <= 1 << 16 else pa.int32()
    labels = pa.int16() if vocabulary.size < 1 << 15 else pa.int32()
    types = {"input_ids": ids, "token_type_ids": pa.int8(), "attention_mask": pa.int8(), "labels": labels}
    of_pieces = [name for name in label_columns if name.endswith("labels")]
    fields: list[tuple[str, pa.DataType]] = []
    fields += [(name, pa.list_(kind)) for name, kind in types.items() if name != "labels" or name in of_pieces]
    others = [name for name in label_columns if name not in types]
    fields += [(name, pa.list_(pa.int8()) if name in of_pieces else pa.int8()) for name in others]
    fills = {"input_ids": vocabulary.pad_id} | dict.fromkeys(of_pieces, IGNORED)
    directory.mkdir(parents=True)
    with ArrowFileWriter(directory / FIRST_FILE, pa.schema(fields)) as rows:
        for copy in range(copies):
            count = examples.count(copy)
            for at in range(0, count, _ROWS_PER_CALL):
                columns = examples.columns(copy, np.arange(at, min(at + _ROWS_PER_CALL, count)))
                arrays = {name: _array(columns[name], kind, seq_length, fills.get(name, 0)) for name, kind in fields}
                rows.write(arrays)
                progress.update(rows.rows)
    file = ShardFile.of(directory / FIRST_FILE, {"rows": rows.rows})
    describe_split(directory, rows.schema, {file.file: file.sha256})
    return file


def _array(values: NDArray[Any], kind: pa.DataType, seq_length: int, fill: int) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values, kind)
    padded = np.full((len(values), seq_length), fill, dtype=values.dtype)
    padded[:, : values.shape[1]] = values
    offsets = pa.array(np.arange(0, padded.size + 1, seq_length), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(padded.ravel(), kind.value_type))
