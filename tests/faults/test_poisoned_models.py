"""Poisoned model files whose digests fit: nothing in them runs, and each is refused by its error.

A digest tells a changed file. Who can write to the store can also write the digest: then it is the
formats that must hold no code, and their readers that must not break, whatever a file says.
"""

from __future__ import annotations

import gzip
import io
import json
import marshal
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tasks.core.errors import ModelError, ModelMemoryError
from tasks.models import baseline
from tasks.models.base import Conditions
from tasks.models.calibration import Calibration
from tasks.models.evidence import Evidence
from tasks.models.reading import rebuild
from tasks.models.zoo import MODELS
from tasks.score.ladder import BROKEN
from tests.faults.forked import SURVIVED, allow_memory, fork
from tests.zoo_sample import NAMES, config_of, rows_of

MEMORY_BYTES = 512 << 20
KINDS = tuple(kind for kind in MODELS if kind != "own")  # whose files are its author's
MUTANTS, ARRAYS = 25, 5  # of each kind

Files = Mapping[str, bytes]
Change = Callable[[np.ndarray], np.ndarray | None]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
QUICK = {"tabm", "xgboost", "isolation", "ensemble"}  # of each format; the others with the slow
every_kind = pytest.mark.parametrize(
    "kind",
    [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS],
)


class Poison:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (os.environ["POISON_MARK"],)


def _objects() -> bytes:
    """A NumPy array of objects, which NumPy itself would unpickle."""
    sink = io.BytesIO()
    np.save(sink, np.array([Poison()], dtype=object), allow_pickle=True)
    return sink.getvalue()


def _npz() -> bytes:
    """The same as an archive of arrays."""
    sink = io.BytesIO()
    np.savez(sink, weight=np.array([Poison()], dtype=object))
    return sink.getvalue()


def _archive() -> bytes:
    """A pickle in a zip, as torch.save writes it."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Poison()))
        archive.writestr("archive/version", "3")
    return sink.getvalue()


def _tensors(header: object, body: bytes = b"") -> bytes:
    """A safetensors file with a header of one's own."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _payloads() -> dict[str, bytes]:
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    beyond = {"dtype": "F64", "shape": [1 << 40], "data_offsets": [0, 1 << 43]}
    deep = b"[" * 200_000 + b"]" * 200_000
    return {
        **{f"pickle {protocol}": pickle.dumps(Poison(), protocol) for protocol in range(6)},
        "gzip": gzip.compress(pickle.dumps(Poison())),
        "numpy": _objects(),
        "npz": _npz(),
        "torch": _archive(),
        "marshal": marshal.dumps(
            compile("import os; os.mkdir(os.environ['POISON_MARK'])", "", "exec")
        ),
        "yaml": b"!!python/object/apply:os.system ['mkdir $POISON_MARK']\n",
        "script": b"#!/bin/sh\nmkdir $POISON_MARK\n",
        "elf": b"\x7fELF\x02\x01\x01" + bytes(57),
        "empty": b"",
        "header that does not end": struct.pack("<Q", 1 << 62) + b"{}",
        "tensor beyond its file": _tensors({"weight": beyond}, bytes(8)),
        "tensors one over another": _tensors({"a": tensor, "b": tensor}, bytes(8)),
        "tensors of another model": _tensors({"__metadata__": {"x": "y"}, "a": tensor}, bytes(8)),
        "deep json": deep,
        "deep header": _tensors(b'{"a":' + deep + b"}"),
        "json": json.dumps({"learner": {"gradient_booster": []}, "version": [3, 2, 0]}).encode(),
        "names without end": json.dumps({"names": ["a"] * 100_000}).encode(),
        "ubjson of endless length": b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner[$d#L" + b"\x7f" * 8,
        "ubjson of endless nothing": b"{i\x07learner[$Z#L" + b"\x7f" * 8 + b"}",
        "ubjson without end": b"{" + b"L\x00\x00\x00\x00\x00\x00\x00\x01a{" * 4_000,
    }


@cache
def saved(kind: str, features: int = len(NAMES)) -> Files:
    rows, stop = rows_of(128, 0, features=features), rows_of(64, 1, features=features)
    return MODELS[kind].fit(config_of(kind), rows, stop, Conditions(0)).scorer.save()


def read(kind: str, files: Files) -> Any:
    return rebuild(config_of(kind), files, len(NAMES))


def held(kind: str, poisoned: Mapping[str, Files], *, same: bool = False) -> None:
    """Read each in a process of its own with little memory: it must be refused by its error.

    Args:
        kind: of the model.
        poisoned: the files of each case.
        same: whether it may also be read as a model that scores as the true one does.
    """
    table = rows_of(40, 2).table
    true = read(kind, saved(kind)).score(table)

    def work() -> None:
        allow_memory(MEMORY_BYTES)
        taken = []
        for name, files in poisoned.items():
            try:
                scores = read(kind, files).score(table)
            except ModelMemoryError:
                taken.append(f"{name}: asked for memory")
            except ModelError as error:
                if not (error.required and error.found and error.do):
                    taken.append(f"{name}: refused without a word")
            else:
                if not (same and np.array_equal(scores, true)):
                    taken.append(f"{name}: read")
        assert taken == []

    assert fork(work, expected=SystemExit) == SURVIVED


@every_kind
def test_no_payload_runs_and_each_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setenv("POISON_MARK", str(mark))
    whole = saved(kind)
    held(
        kind,
        {
            f"{suffix}, {name}": {**whole, suffix: content}
            for suffix in whole
            for name, content in _payloads().items()
        },
    )
    held(
        kind,
        {f"without {suffix}": {s: c for s, c in whole.items() if s != suffix} for suffix in whole},
    )
    assert not mark.exists()


def _changed(kind: str, changes: Mapping[str, Change]) -> dict[str, Files]:
    """The model's files with one of its arrays changed, for some of them and each change."""
    whole = saved(kind)
    if "safetensors" not in whole:
        return {}
    content = whole["safetensors"]
    size = int.from_bytes(content[:8], "little")
    facts = json.loads(content[8 : 8 + size]).get("__metadata__")
    arrays = safetensors.numpy.load(content)
    found = {}
    for name in sorted(arrays)[:: -(-len(arrays) // ARRAYS)]:
        for how, change in changes.items():
            changed = change(arrays[name])
            if changed is not None:
                others = {**arrays, name: np.ascontiguousarray(changed)}
                poisoned = safetensors.numpy.save(others, facts)
                found[f"{name}, {how}"] = {**whole, "safetensors": poisoned}
    return found


def _without_numbers(array: np.ndarray) -> np.ndarray | None:
    return np.full_like(array, np.nan) if array.dtype.kind == "f" and array.size else None


SHAPES: Mapping[str, Change] = {
    "one axis more": lambda array: array[None],
    "doubled": lambda array: np.concatenate([array, array]) if array.ndim else None,
    "one less": lambda array: array[:-1] if array.ndim and len(array) > 1 else None,
    # Without bytes of its own a tensor may say any size.
    "empty and wide": lambda array: np.empty((0, 1 << 40), array.dtype),
    "empty and long": lambda array: np.empty((1 << 40, 0), array.dtype),
}


@every_kind
def test_numbers_that_are_none_are_refused(kind: str) -> None:
    held(kind, _changed(kind, {"NaN": _without_numbers}))


@every_kind
def test_shapes_of_another_model_are_refused_before_memory_is_taken(kind: str) -> None:
    """Or read as the model they are: of an array of which one number is used, the rest is not."""
    poisoned = _changed(kind, SHAPES)
    if kind == "neighbours":  # other rows to compare with are another model as whole as this one
        for change in ("doubled", "one less"):
            poisoned.pop(f"usual, {change}")
    held(kind, poisoned, same=True)


LAID_OUT = {"sequence_cnn", "recurrent", "image_cnn", "sequence_autoencoder", "forecaster"}
ALIKE = {"autoencoder", "variational", "denoising"}  # networks of the same shapes and names


@every_kind
def test_files_swapped_between_models_are_refused(kind: str) -> None:
    """Of every other kind that has files of the same suffixes, and of a model of fewer columns."""
    own = saved(kind)
    others = (each for each in KINDS if each != kind and not {kind, each} <= ALIKE)
    poisoned = {each: saved(each) for each in others if set(saved(each)) == set(own)}
    # A tree names the columns that it asks for, and knows of no others.
    if kind not in LAID_OUT | {"tree"}:
        poisoned["fewer columns"] = saved(kind, 9)
    held(kind, poisoned)


@every_kind
def test_damage_anywhere_ends_no_process(kind: str) -> None:
    """What is read scores, or breaks in a way after which the ladder goes on."""
    generator = np.random.default_rng(0)
    whole, table = saved(kind), rows_of(40, 2).table

    def work() -> None:
        allow_memory(MEMORY_BYTES)
        for _ in range(MUTANTS):
            files = {name: bytearray(content) for name, content in whole.items()}
            for content in files.values():
                for place in generator.integers(0, len(content), generator.integers(1, 9)):
                    content[place] = generator.integers(0, 256)
            try:
                scores = read(kind, {name: bytes(each) for name, each in files.items()}).score(
                    table
                )
            except ModelError:
                continue
            except MemoryError:
                raise
            except BROKEN:
                continue
            assert scores.shape == (40,)

    assert fork(work, expected=SystemExit) == SURVIVED


@pytest.mark.parametrize(
    "load",
    [
        lambda content: Calibration.load("isotonic", content),
        lambda content: Calibration.load("platt", content),
        Evidence.load,
        baseline.load,
    ],
    ids=["isotonic", "platt", "evidence", "baseline"],
)
def test_what_lies_beside_a_model_is_held_to_the_same(
    load: Callable[[bytes], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_MARK", str(tmp_path / "mark"))

    def work() -> None:
        allow_memory(MEMORY_BYTES)
        for name, content in _payloads().items():
            try:
                load(content)
            except ModelError:
                continue
            raise AssertionError(name)

    assert fork(work, expected=SystemExit) == SURVIVED
    assert not (tmp_path / "mark").exists()


def test_the_payloads_would_run_where_they_are_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_MARK", str(tmp_path / "mark"))
    pickle.loads(_payloads()["pickle 0"])
    assert (tmp_path / "mark").is_dir()
