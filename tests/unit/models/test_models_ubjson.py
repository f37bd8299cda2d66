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
from tasks.models.ubjson import read_ubjson

_ONE = b"SL" + bytes(7) + b"\x01"  # before a text of one letter
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
    assert int(read_ubjson(trees)["learner"]["learner_model_param"]["num_feature"]) == 4
    load_boosted(CONFIG, {"ubj": trees})


def _told_otherwise(trees: bytes, name: str, values: list[float], dtype: str) -> bytes:
    """The first tree with other numbers where an array of this name begins."""
    content, written = bytearray(trees), np.array(values, dtype).tobytes()
    first = trees.index(name.encode() + b"[$") + len(name) + len(b"[$l#L") + 8
    content[first : first + len(written)] = written
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "values", "dtype"),
    [
        ("left_children", [100_000_000], ">i4"),
        ("left_children", [-7], ">i4"),
        ("left_children", [0], ">i4"),
        ("left_children", [1, 1], ">i4"),
        ("right_children", [2_000_000], ">i4"),
        ("split_indices", [100_000_000], ">i4"),
        ("split_indices", [4], ">i4"),
        ("split_type", [1], ">i1"),
        ("split_conditions", [np.nan], ">f4"),
    ],
)
def test_trees_on_which_xgboost_would_end_the_process_are_refused(
    trees: bytes, name: str, values: list[float], dtype: str
) -> None:
    """Whole files, of which it reads children and columns without a look at them."""
    changed = _told_otherwise(trees, name, values, dtype)
    assert changed != trees
    with pytest.raises(ModelError, match="tree 0: "):
        load_boosted(CONFIG, {"ubj": changed})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"num_feature", b"num_futures"),
        (
            b"size_leaf_vectorSL\x00\x00\x00\x00\x00\x00\x00\x011",
            b"size_leaf_vectorSL\x00\x00\x00\x00\x00\x00\x00\x018",
        ),
        (
            b"num_targetSL\x00\x00\x00\x00\x00\x00\x00\x011",
            b"num_targetSL\x00\x00\x00\x00\x00\x00\x00\x019",
        ),
        (b"\x06gbtree", b"\x06gbtors"),
    ],
    ids=["columns", "leaves", "targets", "trees"],
)
def test_other_models_than_these_trees_are_refused(
    trees: bytes, before: bytes, after: bytes
) -> None:
    assert before in trees
    with pytest.raises(ModelError, match="trees of an XGBoost model"):
        load_boosted(CONFIG, {"ubj": trees.replace(before, after)})


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
        read_ubjson(content)
    with pytest.raises(ModelError, match="Train the pipeline again"):
        load_boosted(CONFIG, {"ubj": content})


def test_values_are_what_the_format_says() -> None:
    content = (
        b"{i\x01a[$l#i\x02\x00\x00\x00\x05\xff\xff\xff\xffi\x01b[TFZ]i\x01cSi\x02xyi\x01d{#i\x00}"
    )
    found = read_ubjson(content)
    assert found.pop("a").tolist() == [5, -1]
    assert found == {"b": [True, False, None], "c": "xy", "d": {}}


@given(st.binary(max_size=60))
def test_any_bytes_are_whole_or_refused(content: bytes) -> None:
    try:
        read_ubjson(content)
    except ValueError:
        return
    with pytest.raises(ValueError, match="byte"):  # nothing whole is whole with a byte less
        read_ubjson(content[:-1])
