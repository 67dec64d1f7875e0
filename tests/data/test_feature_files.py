"""Files of vectors open with the libraries that people use, and are whole or not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from bertcli.data.feature_files import Vectors, check_output_file, new_feature_file
from bertcli.errors import OutputError

SUFFIXES = (".npz", ".parquet", ".safetensors")
METADATA = {"layers": "last", "note": "ünïcode"}


def pieces(*, per_piece: bool) -> list[Vectors]:
    draw = np.random.default_rng(0)
    if not per_piece:
        return [Vectors(draw.random((rows, 3), dtype=np.float32)) for rows in (4, 1, 2)]
    found = []
    for lengths in ([2, 5], [2], [3, 2, 2]):
        total = sum(lengths)
        ids = draw.integers(0, 99, total).astype(np.int32)
        found.append(Vectors(draw.random((total, 3), dtype=np.float32), ids, np.asarray(lengths)))
    return found


def write(path: Path, vectors: list[Vectors]) -> None:
    with new_feature_file(path) as file:
        for part in vectors:
            file.append(part)
        file.finish(METADATA)


def read(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and metadata as the reference libraries see them."""
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        return arrays, json.loads(str(arrays.pop("bertcli")))
    if path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["bertcli"])  # noqa: SIM118
    table = pq.read_table(path)
    metadata = json.loads(pq.ParquetFile(path).metadata.metadata[b"bertcli"])
    rows = table["features"].to_pylist()
    if "input_ids" not in table.column_names:
        return {"features": np.asarray(rows, dtype=np.float32)}, metadata
    arrays = {
        "features": np.concatenate([np.asarray(row, dtype=np.float32) for row in rows]),
        "input_ids": np.concatenate([np.asarray(row, dtype=np.int32) for row in table["input_ids"].to_pylist()]),
        "lengths": np.asarray([len(row) for row in rows]),
    }
    return arrays, metadata


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("per_piece", [False, True])
def test_what_was_appended_comes_back_in_order(suffix: str, per_piece: bool, tmp_path: Path) -> None:
    path, written = tmp_path / f"features{suffix}", pieces(per_piece=per_piece)
    write(path, written)
    arrays, metadata = read(path)
    assert metadata == METADATA
    assert set(arrays) == set(written[0].arrays())
    for name, array in arrays.items():
        expected = np.concatenate([part.arrays()[name] for part in written])
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_vectors_give_equal_bytes(suffix: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(tmp_path / f"{name}{suffix}", pieces(per_piece=True))
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("parts", [0, 1])
def test_a_failure_leaves_nothing_behind(suffix: str, parts: int, tmp_path: Path) -> None:
    path = tmp_path / f"features{suffix}"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), new_feature_file(path) as file:
        for part in pieces(per_piece=False)[:parts]:
            file.append(part)
        raise KeyboardInterrupt
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"before"


def test_an_output_in_the_way_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "features.npz"
    check_output_file(path, overwrite=False)
    path.touch()
    with pytest.raises(OutputError, match="the output is there already") as caught:
        check_output_file(path, overwrite=False)
    assert caught.value.hint == "--overwrite replaces it, -o FILE writes elsewhere"
    check_output_file(path, overwrite=True)
    with pytest.raises(OutputError, match="the output is a directory, not a file"):
        check_output_file(tmp_path, overwrite=True)
    with pytest.raises(OutputError, match="a file stands where a directory is needed"):
        check_output_file(path / "features.npz", overwrite=True)
