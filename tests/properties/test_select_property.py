"""Selection on tables of any shape and content: never a crash, never the order of the input."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tasks.select.config import SelectionConfig
from tasks.select.select import METHODS, select

VALUES = st.one_of(
    st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 3e38, -3e38, 1e-40]),
    st.floats(-10, 10, width=32),
)


@st.composite
def problems(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray, SelectionConfig]:
    rows, columns = draw(st.integers(2, 60)), draw(st.integers(1, 6))
    table = draw(arrays.arrays(np.float32, (rows, columns), elements=VALUES))
    kind = draw(st.sampled_from(["two", "three", "number"]))
    elements = {"two": st.integers(0, 1), "three": st.integers(0, 2), "number": st.floats(-5, 5)}
    dtype = np.float64 if kind == "number" else np.int8
    labels = draw(arrays.arrays(dtype, rows, elements=elements[kind]))
    labels[0], labels[-1] = 0, 1
    times = draw(arrays.arrays(np.int64, rows, elements=st.integers(0, 20)))
    config = SelectionConfig.model_validate(
        {
            "method": draw(st.sampled_from(sorted(METHODS))),
            "rounds": 10,
            "max_rows": 100,
            "folds": draw(st.integers(2, 4)),
            "correlated": draw(st.sampled_from([0.5, 0.9, 1.0])),
            "trees": {"trees": 2, "max_bin": 8},
        }
    )
    return table, labels, times, config


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(problems(), st.integers(0, 2**32 - 1))
def test_any_table_is_judged_whatever_its_order(
    problem: tuple[np.ndarray, np.ndarray, np.ndarray, SelectionConfig], seed: int
) -> None:
    table, labels, times, config = problem
    names = [f"f{i}" for i in range(table.shape[1])]
    selection = select(table, labels, names, config, times)
    assert sorted(v.feature for v in selection.verdicts) == names
    for verdict in selection.verdicts:
        measured = (verdict.importance, verdict.threshold, verdict.shap, verdict.permutation)
        assert all(math.isfinite(value) for value in measured if value is not None)
        assert verdict.reason
        assert verdict.group in names
    order = np.random.default_rng(seed).permutation(len(table))
    columns = np.random.default_rng(seed).permutation(table.shape[1])
    named = [names[i] for i in columns]
    again = select(table[order][:, columns], labels[order], named, config, times[order])
    assert again == selection


def test_labels_of_almost_one_value_have_one_order() -> None:
    """A number so small that float32 has none of it differs from zero by its rank."""
    table = np.array([[0], [1], [1], [1]], np.float32)
    labels, times = np.array([0.0, 1e-282, 0.0, 1.0]), np.zeros(4, np.int64)
    config = SelectionConfig.model_validate(
        {"method": "forward", "rounds": 10, "folds": 2, "trees": {"trees": 2, "max_bin": 8}}
    )
    found = select(table, labels, ["f"], config, times)
    for order in ([3, 2, 1, 0], [2, 0, 3, 1], [1, 2, 3, 0]):
        assert select(table[order], labels[order], ["f"], config, times[order]) == found
