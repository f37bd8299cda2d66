"""Random frames: both Polars engines agree, with each other and with plain Python."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from itertools import pairwise
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import polars as pl
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column
from great_expectations.validator.validator import Validator
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.engine import PolarsExecutionEngine, flag_rows, validate

Rows = list[tuple[int, float | None, str | None]]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.none() | st.floats(-3, 3, width=32) | st.just(math.nan),
        st.none() | st.sampled_from(["a", "b", "ab", ""]),
    ),
    max_size=25,
)
CONDITION = (Column("k") > 1) & Column("s").is_in(["a", "b"]) | Column("x").is_null()


def _frame(rows: Rows) -> pl.DataFrame:
    schema = {"k": pl.Int64, "x": pl.Float64, "s": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _missing(value: Any) -> bool:
    return value is None or value != value


def _checks(condition: Any = None) -> list[Expectation]:
    kw = {} if condition is None else {"row_condition": condition}
    return [
        gxe.ExpectColumnValuesToNotBeNull(column="x", **kw),
        gxe.ExpectColumnValuesToBeBetween(column="x", min_value=-1, max_value=1, **kw),
        gxe.ExpectColumnValuesToBeUnique(column="k", **kw),
        gxe.ExpectColumnValuesToBeInSet(column="s", value_set=["a", "b"], **kw),
        gxe.ExpectColumnValueLengthsToEqual(column="s", value=1, **kw),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["k", "s"], ignore_row_if="never", **kw),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="k", column_B="x", ignore_row_if="either_value_is_missing", **kw
        ),
        gxe.ExpectColumnValuesToBeIncreasing(column="k", **kw),
    ]


def _is_counted(row: tuple[int, float | None, str | None]) -> bool:
    return (row[0] > 1 and row[2] in ("a", "b")) or _missing(row[1])


def _naive(rows: Rows) -> list[int]:
    """How many rows break each check, by the definition of the check."""
    present = [x for _, x, _ in rows if not _missing(x)]
    words = [s for _, _, s in rows if s is not None]
    keys = Counter(k for k, _, _ in rows)
    pairs = Counter((k, s) for k, _, s in rows)
    return [
        len(rows) - len(present),
        sum(not -1 <= x <= 1 for x in present),  # type: ignore[operator]
        sum(n for n in keys.values() if n > 1),
        sum(s not in ("a", "b") for s in words),
        sum(len(s) != 1 for s in words),
        sum(n for n in pairs.values() if n > 1),
        sum(not k > x for k, x, _ in rows if not _missing(x)),  # type: ignore[operator]
        sum(after[0] < before[0] for before, after in pairwise(rows)),
    ]


def _counts(frame: pl.DataFrame, checks: list[Expectation]) -> list[int]:
    results = validate(frame, gx.ExpectationSuite("s", checks)).results
    return [result.result["unexpected_count"] for result in results]


@settings(max_examples=10, deadline=None)
@given(ROWS)
def test_counts_are_those_of_plain_python(rows: Rows) -> None:
    assert _counts(_frame(rows), _checks()) == _naive(rows)
    assert _counts(_frame(rows), _checks(CONDITION)) == _naive([r for r in rows if _is_counted(r)])


@settings(max_examples=10, deadline=None)
@given(ROWS)
def test_flags_count_what_the_validation_counts(rows: Rows) -> None:
    checks = [*_checks(), *_checks(CONDITION)]
    flags = flag_rows(_frame(rows), checks, labels=[str(i) for i in range(len(checks))])
    found = Counter(flags.frame.select(flags.reasons().explode()).collect().to_series().to_list())
    assert [found[str(i)] for i in range(len(checks))] == _counts(_frame(rows), checks)


def _everything(frame: pl.DataFrame, *, streaming: bool) -> list[Any]:
    engine = PolarsExecutionEngine(streaming=streaming)
    engine.load_batch_data("b", frame)
    validator = Validator(execution_engine=engine)
    validator._active_batch_id = "b"
    validator.metrics_calculator.show_progress_bars = False
    totals = [
        gxe.ExpectColumnMeanToBeBetween(column="x", min_value=0),
        gxe.ExpectColumnMedianToBeBetween(column="x", min_value=0),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="s", min_value=0),
        gxe.ExpectColumnSumToBeBetween(column="k", min_value=0, row_condition=CONDITION),
    ]
    suite = gx.ExpectationSuite("s", [*_checks(), *_checks(CONDITION), *totals])
    results = validator.graph_validate(
        suite.expectation_configurations, {"result_format": "COMPLETE"}
    )
    return [(r.expectation_config.type, r.success, _rounded(r.result)) for r in results]  # type: ignore[union-attr]


def _rounded(result: dict[str, Any]) -> str:
    observed = result.get("observed_value")
    if isinstance(observed, float):
        result = {"observed_value": round(observed, 9)}
    return repr(result)


@settings(max_examples=10, deadline=None)
@given(ROWS)
def test_streaming_and_in_memory_say_the_same(rows: Rows) -> None:
    frame = _frame(rows)
    assert _everything(frame, streaming=True) == _everything(frame, streaming=False)


@settings(max_examples=10, deadline=None)
@given(ROWS)
def test_moments_are_those_of_plain_python(rows: Rows) -> None:
    values = [x for _, x, _ in rows if x is not None and x == x]
    checks = [
        gxe.ExpectColumnMeanToBeBetween(column="x", min_value=0),
        gxe.ExpectColumnMedianToBeBetween(column="x", min_value=0),
        gxe.ExpectColumnStdevToBeBetween(column="x", min_value=0),
    ]
    results = validate(_frame(rows), gx.ExpectationSuite("s", checks)).results
    found = [result.result["observed_value"] for result in results]
    if not values:
        assert found == [None, None, None]
        return
    assert math.isclose(found[0], statistics.fmean(values), abs_tol=1e-9)
    assert math.isclose(found[1], statistics.median(values), abs_tol=1e-9)
    if len(values) > 1:
        assert math.isclose(found[2], statistics.stdev(values), abs_tol=1e-6)
