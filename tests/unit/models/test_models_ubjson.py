"""Trees whose file was cut off, or holds something else, are an error and not the end."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Rows
from tasks.models.boosted import fit_boosted, load_boosted
from tasks.models.config import XGBoostConfig
from tasks.models.ubjson import check_ubjson

CONFIG = XGBoostConfig(rounds=12, depth=3, threads=1)
# Loads what is cut off at each of some places in a process of its own, which must live on.
_LOAD = """
import sys
from tasks.core.errors import ModelError
from tasks.models.boosted import load_boosted
from tasks.models.config import XGBoostConfig
content = sys.stdin.buffer.read()
refused = 0
for size in range(0, len(content), max(1, len(content) // 150)):
    try:
        load_boosted(XGBoostConfig(threads=1), {"ubj": content[:size]})
    except ModelError:
        refused += 1
print(refused)
"""


@pytest.fixture(scope="module")
def trees() -> bytes:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(400, 4)).astype(np.float32)
    rows = Rows(table, (table[:, 0] + generator.normal(size=400) > 1).astype(np.float32))
    return fit_boosted(CONFIG, rows, rows, Conditions(0)).scorer.save()["ubj"]


def test_whole_trees_are_loaded(trees: bytes) -> None:
    check_ubjson(trees)
    load_boosted(CONFIG, {"ubj": trees})


def test_trees_that_were_cut_off_anywhere_are_refused(trees: bytes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], input=trees, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
    assert int(done.stdout) == len(range(0, len(trees), max(1, len(trees) // 150)))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 5000, b"[$d#Lffffffff", b"{}x", b"Si\xff", b"[$i", b"{U\x01aQ}"]
)
def test_what_is_no_ubjson_is_refused_with_its_place(content: bytes) -> None:
    with pytest.raises(ValueError, match="byte"):
        check_ubjson(content)
    with pytest.raises(ModelError, match="Train the pipeline again"):
        load_boosted(CONFIG, {"ubj": content})


@given(st.binary(max_size=60))
def test_any_bytes_are_whole_or_refused(content: bytes) -> None:
    try:
        check_ubjson(content)
    except ValueError:
        return
    with pytest.raises(ValueError, match="byte"):  # nothing whole is whole with a byte less
        check_ubjson(content[:-1])
