"""What single treatments do to a column: types, outliers, categories, fills, scales."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from conftest import Treat
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler

from tasks.core.treatments import Fence, Fill, Grouping, Scaling

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("values", "wanted", "read"),
    [
        (["1", " 2.5 ", "x", None], "f64", [1.0, 2.5, None, None]),
        (["1", "2.5", "300"], "i8", [1, None, None]),
        ([1.0, 2.5, NAN, 1e30], "i32", [1, None, None, None]),
        (["yes", "F", "1", "maybe"], "bool", [True, False, True, None]),
        ([0, 1, 2, None], "bool", [False, True, None, None]),
        ([True, False, None], "i8", [1, 0, None]),
        ([7, None], "str", ["7", None]),
        ([Decimal("1.50"), None], "f64", [1.5, None]),
        (["2010-01-02", "soon"], "date", [dt.date(2010, 1, 2), None]),
        (
            ["2010-01-02T03:04:05.5", "2010-01-02 03:04", "2010-01-02", "x"],
            "datetime",
            [
                dt.datetime(2010, 1, 2, 3, 4, 5, 500_000),
                dt.datetime(2010, 1, 2, 3, 4),
                dt.datetime(2010, 1, 2),
                None,
            ],
        ),
        (["03/01/2010"], {"type": "date", "format": "%d/%m/%Y"}, [dt.date(2010, 1, 3)]),
        ([dt.datetime(2010, 1, 2, 3)], "date", [dt.date(2010, 1, 2)]),
    ],
)
def test_a_column_is_read_as_another_type_and_what_does_not_fit_is_missing(
    treat: Treat, values: list[Any], wanted: Any, read: list[Any]
) -> None:
    out, _ = treat(pl.DataFrame({"x": values}, strict=False), types={"x": wanted})
    assert out["x"].to_list() == read


def test_a_converted_column_has_the_rules_of_its_new_type(treat: Treat) -> None:
    rows = pl.DataFrame({"x": ["1", "3", "?", None]})
    out, _ = treat(rows, types={"x": "f64"}, missing={"numeric": "mean"})
    assert out["x"].to_list() == [1, 3, 2, 2]


SPREAD = [0.0, 1.0, 2.0, 3.0, 4.0, 100.0, None, NAN, INF]
KNOWN = np.array(SPREAD[:6])


@pytest.mark.parametrize(
    ("rule", "low", "high"),
    [
        ("iqr", 1.25 - 1.5 * 2.5, 3.75 + 1.5 * 2.5),
        ({"method": "iqr", "widen": 0.1}, 1.0, 4.0),
        (
            {"method": "zscore", "deviations": 2},
            KNOWN.mean() - 2 * KNOWN.std(ddof=1),
            KNOWN.mean() + 2 * KNOWN.std(ddof=1),
        ),
        ({"method": "mad", "deviations": 2}, 2.5 - 2 * 1.5 * 1.4826, 2.5 + 2 * 1.5 * 1.4826),
        ({"method": "quantile", "low": 0.1, "high": 0.9}, 0.5, 52.0),
    ],
)
def test_bounds_are_learned_by_each_method_from_finite_values(
    treat: Treat, rule: Any, low: float, high: float
) -> None:
    out, learned = treat(pl.DataFrame({"x": SPREAD}), outliers={"columns": {"x": rule}})
    (fence,) = learned.record.treatments
    assert isinstance(fence, Fence)
    assert (fence.low, fence.high) == pytest.approx((low, high))
    expected = [None if v is None else min(max(v, low), high) for v in SPREAD]
    expected[7] = NAN
    assert out["x"].to_list() == pytest.approx(expected, nan_ok=True)


def test_outliers_are_marked_or_set_aside_by_what_training_saw(treat: Treat) -> None:
    rows = pl.DataFrame({"x": [float(n) for n in range(101)], "y": [1.0] * 101})
    later = pl.DataFrame({"x": [-60.0, 50.0, 1e9, None, NAN], "y": [9.0] * 5})
    rule = {"method": "iqr", "widen": 0.5}
    out, _ = treat(
        rows,
        later,
        outliers={"columns": {"x": rule | {"action": "mark"}, "y": rule | {"action": "drop"}}},
    )
    assert out["x_outlier"].to_list() == [True, False, True, False, False]
    assert out["x"].equals(later["x"])
    # A column without spread has no outliers: any other value would be one.
    assert out["set_aside"].to_list() == [None] * 5
    out, _ = treat(rows, later, outliers={"columns": {"x": rule | {"action": "drop"}}})
    assert out["set_aside"].to_list() == ["outlier in x", None, "outlier in x", None, None]
    assert out.height == later.height


def test_an_integer_clipped_at_a_fraction_becomes_a_float_and_else_stays(treat: Treat) -> None:
    rows = pl.DataFrame({"n": list(range(101)), "m": list(range(101))})
    rule = {"method": "quantile", "low": 0.1}
    out, _ = treat(
        rows, outliers={"columns": {"n": rule | {"high": 0.9}, "m": rule | {"high": 0.905}}}
    )
    assert out.schema == {"n": pl.Int64, "m": pl.Float64}
    assert (out["n"].min(), out["n"].max(), out["m"].max()) == (10, 90, 90.5)


def test_rows_that_a_step_sets_aside_teach_the_later_steps_nothing(treat: Treat) -> None:
    rows = pl.DataFrame({"x": [*range(20), 10_000], "y": [1.0] * 20 + [500.0]}, strict=False)
    out, learned = treat(
        rows,
        outliers={"columns": {"x": {"method": "iqr", "action": "drop"}}},
        missing={"columns": {"y": "mean"}},
    )
    assert learned.record.treatments[1] == Fill("y", "mean", 1.0)
    assert out["set_aside"].drop_nulls().to_list() == ["outlier in x"]


def test_a_row_set_aside_twice_tells_the_first_reason(treat: Treat) -> None:
    rows = pl.DataFrame({"x": [*range(20), 10_000], "y": [1.0] * 20 + [None]}, strict=False)
    out, _ = treat(
        rows,
        outliers={"columns": {"x": {"method": "iqr", "action": "drop"}}},
        missing={"columns": {"y": "drop"}},
    )
    assert out["set_aside"].drop_nulls().to_list() == ["outlier in x"]
    out, _ = treat(rows, missing={"columns": {"y": "drop"}})
    assert out["set_aside"].drop_nulls().to_list() == ["y missing"]


def test_rows_are_isolated_together_though_no_column_alone_is_odd(treat: Treat) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=1000)
    rows = pl.DataFrame({"x": x, "y": x + generator.normal(scale=0.05, size=1000)})
    later = pl.DataFrame({"x": [0.0, 2.5, None], "y": [0.0, -2.5, 0.0]})
    rule = {"name": "pair", "columns": ["x", "y"], "share": 0.02}
    out, learned = treat(rows, later, outliers={"together": [rule]})
    assert out["pair_outlier"].to_list() == [False, True, False]
    seen, _ = treat(rows, outliers={"together": [rule]})
    assert seen["pair_outlier"].mean() == pytest.approx(0.02, abs=0.005)
    aside, _ = treat(rows, later, outliers={"together": [rule | {"action": "drop"}]})
    assert aside["set_aside"].to_list() == [None, "outlier by pair", None]
    assert list(learned.files) == ["prepare-pair.safetensors"]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ({"count": 3}, ("a", "b")),
        ({"share": 0.3}, ("a", "b")),
        ({"share": 0.31}, ("a",)),
        ({"count": 1, "most": 3}, ("a", "b", "c")),
    ],
)
def test_rare_and_unseen_categories_are_one_and_a_missing_one_stays_missing(
    treat: Treat, rule: dict[str, Any], kept: tuple[str, ...]
) -> None:
    # Of c and d, which tie, the first by name is kept.
    rows = pl.DataFrame({"t": [*"aaaabbbdc", None, "c", "d"][:12]}).with_columns(
        t=pl.Series([*"aaaabbb", "d", "c", None, None, "a"])
    )
    later = pl.DataFrame({"t": ["a", "b", "c", "d", "new", None]})
    out, learned = treat(rows, later, categories={"text": rule | {"other": "rest"}})
    assert learned.record.treatments == (Grouping("t", kept, "rest"),)
    assert out["t"].to_list() == [
        *(value if value in kept else "rest" for value in ("a", "b", "c", "d", "new")),
        None,
    ]


def test_missing_values_are_filled_and_told_of(treat: Treat) -> None:
    rows = pl.DataFrame({"x": [1.0, None, 3.0, 8.0, NAN], "n": [1, 2, 2, None, 3]})
    rule = {"method": "median", "indicator": True}
    out, _ = treat(rows, missing={"numeric": rule})
    assert out["x"].to_list() == [1, 3, 3, 8, 3]
    assert (out["n"].to_list(), out["n"].dtype) == ([1, 2, 2, 2, 3], pl.Int64)
    assert out["x_missing"].to_list() == [False, True, False, False, True]
    assert out["n_missing"].to_list() == [False, False, False, True, False]


def test_indicators_alone_leave_the_gaps(treat: Treat) -> None:
    rows = pl.DataFrame({"t": ["a", None]})
    out, _ = treat(rows, missing={"text": {"method": "none", "indicator": True}})
    assert (out["t"].to_list(), out["t_missing"].to_list()) == (["a", None], [False, True])


def test_a_column_without_a_value_in_training_keeps_its_gaps(treat: Treat) -> None:
    rows = pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64})
    out, learned = treat(rows, pl.DataFrame({"x": [1.0, None]}), missing={"numeric": "median"})
    assert learned.record.treatments == (Fill("x", "median", None),)
    assert out["x"].to_list() == [1.0, None]


def test_a_mode_with_ties_is_the_smallest_in_any_order(treat: Treat) -> None:
    for values in ([3, 1, 3, 1], [1, 3, 1, 3]):
        _, learned = treat(pl.DataFrame({"x": values}), missing={"numeric": "mode"})
        assert learned.record.treatments == (Fill("x", "mode", 1),)


def test_dates_are_filled_with_dates(treat: Treat) -> None:
    day, moment = dt.date(2010, 1, 1), dt.datetime(2010, 1, 1, 12)
    rows = pl.DataFrame({"d": [day, None, day], "m": [moment, None, moment]})
    out, _ = treat(
        rows,
        missing={"date": "median", "columns": {"d": {"method": "constant", "value": "2009-12-31"}}},
    )
    assert out["d"][1] == dt.date(2009, 12, 31)
    assert (out["m"][1], out.schema) == (moment, rows.schema)


def test_an_integer_filled_with_a_fraction_becomes_a_float(treat: Treat) -> None:
    out, _ = treat(pl.DataFrame({"n": [1, 2, None]}), missing={"numeric": "mean"})
    assert out["n"].to_list() == [1, 2, 1.5]


@pytest.mark.parametrize(
    ("method", "scaler"),
    [
        ("standard", StandardScaler()),
        ("robust", RobustScaler()),
        ("minmax", MinMaxScaler()),
        (
            {"method": "quantile_normal", "quantiles": 100},
            QuantileTransformer(n_quantiles=100, output_distribution="normal", subsample=None),
        ),
    ],
)
def test_scales_are_those_of_scikit_learn(treat: Treat, method: Any, scaler: Any) -> None:
    generator = np.random.default_rng(0)
    # Ties, a heavy tail, and later values outside of what training saw.
    x = np.round(generator.gamma(1.5, 2, 500), 1)
    later = np.append(generator.gamma(1.5, 3, 200), [-5.0, 1e6])
    out, _ = treat(
        pl.DataFrame({"x": x}), pl.DataFrame({"x": later}), scaling={"columns": {"x": method}}
    )
    expected = scaler.fit(x[:, None]).transform(later[:, None])[:, 0]
    np.testing.assert_allclose(out["x_scaled"].to_numpy(), expected, atol=1e-9)
    np.testing.assert_array_equal(out["x"].to_numpy(), later)


def test_a_constant_column_is_shifted_only_and_gaps_stay(treat: Treat) -> None:
    rows, later = pl.DataFrame({"x": [2.0, 2.0]}), pl.DataFrame({"x": [5.0, None, NAN, INF]})
    for method in ("standard", "robust", "minmax"):
        out, learned = treat(rows, later, scaling={"numeric": method})
        assert learned.record.treatments == (Scaling("x", method, 2.0, 1.0),)
        assert out["x_scaled"].to_list() == [3.0, None, None, None]


def test_a_column_without_a_value_in_training_is_scaled_to_nothing(treat: Treat) -> None:
    rows = pl.DataFrame({"x": [None, None]}, schema={"x": pl.Float64})
    for method in ("standard", "robust", "minmax", "quantile_normal"):
        out, _ = treat(rows, pl.DataFrame({"x": [0.0, None]}), scaling={"numeric": method})
        assert out["x_scaled"].to_list() == [0.0, None]
