"""Poisoned model files whose digests fit: nothing in them runs, and each is refused by its error.

A digest tells a changed file. Who can write to the store can also write the digest: then it is the
formats that must hold no code, and their readers that must not break.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import marshal
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Rows
from tasks.models.calibration import Calibration
from tasks.models.config import TabMConfig, XGBoostConfig
from tasks.models.zoo import MODELS
from tests.faults.forked import REFUSED, allow_memory, fork

MEMORY_BYTES = 4 << 30
CONFIGS = (TabMConfig(epochs=1, heads=2, width=8, threads=1), XGBoostConfig(threads=1))

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


class Poison:
    """Leaves a mark where it is unpickled."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (os.environ["POISON_MARK"],)


def _objects() -> bytes:
    """A NumPy array of objects, which NumPy itself would unpickle."""
    sink = io.BytesIO()
    np.save(sink, np.array([Poison()], dtype=object), allow_pickle=True)
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
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _payloads() -> dict[str, bytes]:
    tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    beyond = {"dtype": "F64", "shape": [1 << 40], "data_offsets": [0, 1 << 43]}
    return {
        **{f"pickle {protocol}": pickle.dumps(Poison(), protocol) for protocol in range(6)},
        "gzip": gzip.compress(pickle.dumps(Poison())),
        "numpy": _objects(),
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
        "json": json.dumps({"learner": {"gradient_booster": []}, "version": [3, 2, 0]}).encode(),
        "ubjson of endless length": b"{L\x00\x00\x00\x00\x00\x00\x00\x07learner[$d#L" + b"\x7f" * 8,
        "ubjson without end": b"{" + b"L\x00\x00\x00\x00\x00\x00\x00\x01a{" * 4_000,
    }


KEPT = ("model", "fallback", "calibration")


def _readers() -> dict[str, Callable[[bytes], object]]:
    """How a bundle reads each kind of file, the rest of the bundle being in order."""
    generator = np.random.default_rng(0)
    labels = np.tile(np.array([0, 1], np.float32), 100)
    rows = Rows(generator.normal(size=(200, 2)).astype(np.float32), labels)
    readers: dict[str, Callable[[bytes], object]] = {
        "calibration": lambda content: Calibration.load("isotonic", content)
    }
    for name, config in zip(KEPT, CONFIGS, strict=False):
        model = MODELS[config.kind]
        files = model.fit(config, rows, rows, Conditions(0)).scorer.save()
        (suffix,) = files

        def read(content: bytes, model=model, config=config, suffix=suffix) -> object:
            return model.load(config, {suffix: content})

        read(files[suffix])
        readers[name] = read
    return readers


@pytest.fixture(scope="module")
def readers() -> dict[str, Callable[[bytes], object]]:
    return _readers()


@pytest.mark.parametrize("kept", KEPT)
def test_no_payload_runs_and_each_is_refused(
    readers: dict[str, Callable[[bytes], object]],
    kept: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setenv("POISON_MARK", str(mark))
    payloads = _payloads()
    assert len(payloads) >= 20

    def work(content: bytes) -> None:
        allow_memory(MEMORY_BYTES)
        readers[kept](content)

    outcomes = {
        name: fork(functools.partial(work, content), expected=ModelError)
        for name, content in payloads.items()
    }
    assert {name for name, outcome in outcomes.items() if outcome != REFUSED} == set()
    assert not mark.exists()


def test_the_payloads_would_run_where_they_are_unpickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_MARK", str(tmp_path / "mark"))
    pickle.loads(_payloads()["pickle 0"])
    assert (tmp_path / "mark").is_dir()
