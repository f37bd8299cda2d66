"""Arrays: .npz archives and idx images land as columns, whole or not at all."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core.errors import SchemaDriftError, SourceError, SourceMissingError
from tests.unit.ingest.conftest import Land

IMAGES = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)
LABELS = np.array([7, 2, 1, 0, 4], dtype=np.uint8)
IDX = {
    "kind": "files",
    "path": "*-idx*-ubyte*",
    "format": "idx",
    "schema": {"image": "array(u8, 4, 3)", "label": "u8"},
    "arrays": {"image": "images-idx3", "label": "labels-idx1"},
}
NPZ = {"kind": "files", "path": "a.npz", "schema": {"X": "array(f64, 3)", "y": "u8"}}


def _idx(values: np.ndarray[Any, Any]) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.tobytes()


def _write_idx(folder: Path, part: str = "train", zipped: bool = True) -> None:
    for name, values in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
        content = gzip.compress(_idx(values)) if zipped else _idx(values)
        path = folder / f"{part}-{name}-ubyte{'.gz' * zipped}"
        path.write_bytes(content)


@pytest.mark.parametrize("zipped", [True, False])
def test_images_and_their_labels_are_one_table(zipped: bool, folder: Path, land: Land) -> None:
    _write_idx(folder, "t10k", zipped)
    _write_idx(folder, "train", zipped)
    landing = land(IDX)
    assert landing.rows.schema["image"] == pl.Array(pl.UInt8, (4, 3))
    assert np.array_equal(landing.rows["image"].to_numpy(), np.concatenate([IMAGES, IMAGES]))
    assert landing.rows["label"].to_list() == [*LABELS, *LABELS]
    assert landing.rows["_line"].to_list() == [1, 2, 3, 4, 5] * 2


def test_images_without_labels_are_refused(folder: Path, land: Land) -> None:
    _write_idx(folder)
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(SourceMissingError, match="labels-idx1 beside"):
        land(IDX)
    (folder / "other-idx").touch()
    with pytest.raises(SourceError, match="just one of"):
        land({**IDX, "path": "*idx*"})


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (_idx(LABELS)[:-1], "1 bytes too few"),
        (_idx(LABELS) + b"\0", "bytes behind its last item"),
        (_idx(LABELS[:4]), "label has 4 rows"),
        (_idx(LABELS)[:6], "the end of the file"),
        (b"", "nothing"),
        (b"\0\0\x05\x01" + _idx(LABELS)[4:], "00 00 05 01"),
    ],
)
def test_a_damaged_idx_file_is_refused(
    content: bytes, found: str, folder: Path, land: Land
) -> None:
    _write_idx(folder)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))
    with pytest.raises(SourceError, match=found):
        land(IDX)


def test_another_shape_is_drift(folder: Path, land: Land) -> None:
    _write_idx(folder)
    with pytest.raises(SchemaDriftError, match=r"array\(u8, 3, 4\)"):
        land({**IDX, "schema": {"image": "array(u8, 3, 4)", "label": "u8"}})


X = np.array([[1, 2, 3], [4, 5, 6.5]])


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_a_column_or_one_for_each_of_its_own(
    order: Any, folder: Path, land: Land
) -> None:
    np.savez_compressed(folder / "a.npz", X=np.array(X, order=order), y=np.array([0, 1]))
    landing = land(NPZ)
    assert np.array_equal(landing.rows["X"].to_numpy(), X)
    flat = land({**NPZ, "schema": {"y": "u8", "X_0": "i32", "X_1": "f32", "X_2": "f64"}})
    assert flat.rows.drop("_source", "_line").rows() == [(0, 1, 2.0, 3.0), (1, 4, 5.0, 6.5)]
    held = land({**NPZ, "schema": {"X": "array(u8, 3)", "y": "u8"}})
    assert held.held["reasons"].to_list() == [["X: does not fit array(u8, 3)"]]
    with pytest.raises(SchemaDriftError, match="'X_3' is missing"):
        land({**NPZ, "schema": {"X_3": "f64"}})


def test_arrays_of_texts_and_dates(folder: Path, land: Land) -> None:
    days = np.array(["2010-01-04", "NaT"], dtype="datetime64[D]")
    np.savez(folder / "a.npz", day=days, name=np.array(["a", "Zoë"]), half=np.float16([1, 2.5]))
    landing = land({**NPZ, "schema": {"day": "datetime", "name": "str", "half": "f64"}})
    assert landing.rows["name"].to_list() == ["a", "Zoë"]
    assert landing.rows["day"].null_count() == 1
    assert landing.rows["half"].to_list() == [1.0, 2.5]


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"X": X, "y": np.array([1])}, "X has 2 rows, y has 1 rows"),
        ({"X": X, "y": np.array([1, None])}, "Python objects"),
        ({"X": X, "y": np.zeros((2, 0), dtype="u1")}, "without items"),
    ],
)
def test_arrays_that_are_no_table_are_refused(
    arrays: dict[str, Any], found: str, folder: Path, land: Land
) -> None:
    np.savez(folder / "a.npz", **arrays)
    with pytest.raises(SourceError, match=found):
        land(NPZ)


def test_an_array_larger_than_its_file_is_refused(folder: Path, land: Land) -> None:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    declared = (
        out.getvalue().replace(b"(3,), }", b"(9000000000,), }").replace(b" " * 10 + b"\n", b" \n")
    )
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        archive.writestr("y.npy", declared)
    with pytest.raises(SourceError, match="declares 72000000000 bytes"):
        land({**NPZ, "schema": {"y": "f64"}})
    np.savez_compressed(folder / "a.npz", y=np.zeros(1_000_000))
    with pytest.raises(SourceError, match="declares 8000000 bytes"):
        land({**NPZ, "schema": {"y": "f64"}, "max_file_bytes": 1000})


def test_json_lists_are_arrays_of_the_declared_shape(folder: Path, land: Land) -> None:
    values = [[[1, 2], [3, 4]], [[1, 2], [3]], [[1, 2], [3, 300]], [[1, 2], [3, None]], None, "a"]
    lines = [json.dumps({"p": value, "s": [1.5, None]}) + "\n" for value in values]
    (folder / "a.ndjson").write_text("".join(lines))
    schema = {"p": "array(u8, 2, 2)", "s": "list(f32)"}
    landing = land({"kind": "files", "path": "a.*", "schema": schema})
    assert landing.rows["p"].to_list() == [[[1, 2], [3, 4]], None]
    assert landing.rows["s"].to_list() == [[1.5, None]] * 2
    assert landing.held["line"].to_list() == [2, 3, 4, 6]


def test_parquet_lists_are_arrays_where_they_are_as_long(folder: Path, land: Land) -> None:
    pl.DataFrame({"p": [[1, 2], [3], [4, 500]]}).write_parquet(folder / "a.parquet")
    landing = land({"kind": "files", "path": "a.*", "schema": {"p": "array(u8, 2)"}})
    assert landing.rows["p"].to_list() == [[1, 2]]
    assert landing.held["line"].to_list() == [2, 3]


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": {"a": "array(u8)"}},
        {"schema": {"a": "array(u8, 0)"}},
        {"schema": {"a": "array(str, 3)"}},
        {"schema": {"a": "array(u8, 90000, 90000)"}},
        {"schema": {"a": "array(u8, 3)"}, "format": "csv"},
        {"schema": {"a": "u8"}, "format": "idx"},
        {"schema": {"a": "u8"}, "format": "idx", "arrays": {"b": "x"}},
        {"schema": {"a": "u8"}, "arrays": {"a": "x"}},
    ],
)
def test_a_declaration_of_arrays_that_cannot_be_is_refused(
    wrong: dict[str, Any], land: Land
) -> None:
    with pytest.raises(ValueError, match="validation error"):
        land({"kind": "files", "path": "a", **wrong})
