"""Many rows in many chunks: the streaming engine says what the in-memory engine says.

Polars 2.1.0 returns wrong rows where two windows with computed keys share a streaming query, so
conditions that make such keys are put side by side here.
"""

from __future__ import annotations

from typing import Any

import great_expectations as gx
import numpy as np
import polars as pl
import pytest
from great_expectations.expectations.expectation import Expectation
from great_expectations.validator.validator import Validator

from expectations.engine import PolarsExecutionEngine, flag_rows, validate
from tests.unit.engine import cases, frames

N_ROWS = 80_000


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    rng = np.random.default_rng(11)
    frame = pl.DataFrame(
        {
            "key": rng.integers(0, 60_000, N_ROWS),
            "whole": rng.integers(0, 9, N_ROWS),
            "real": rng.normal(0, 1, N_ROWS),
            "other": rng.normal(0, 1, N_ROWS),
            "word": rng.choice(["a", "b", "c", "zz"], N_ROWS),
        }
    )
    holes = pl.Series(rng.random(N_ROWS) < 0.1)
    return frame.with_columns(real=pl.when(holes).then(None).otherwise("real"))


@pytest.fixture(scope="module")
def checks() -> list[Expectation]:
    return [c for when in cases.CONDITIONS.values() for c in cases.brief(row_condition=when)]


def _results(rows: pl.DataFrame, checks: list[Expectation], *, streaming: bool) -> list[Any]:
    engine = PolarsExecutionEngine(streaming=streaming)
    engine.load_batch_data("rows", rows)
    validator = Validator(execution_engine=engine)
    validator._active_batch_id = "rows"
    validator.metrics_calculator.show_progress_bars = False
    suite = gx.ExpectationSuite("suite")
    suite.expectations = checks
    configurations = suite.expectation_configurations
    wanted = {"result_format": {"result_format": "SUMMARY", "partial_unexpected_count": 5}}
    found = validator.graph_validate(configurations, wanted)
    return [(r.success, _rounded(r.result)) for r in found]


def _rounded(result: Any) -> str:
    observed = result.get("observed_value")
    return repr(round(observed, 9)) if isinstance(observed, float) else repr(result)


def test_validations_agree(rows: pl.DataFrame, checks: list[Expectation]) -> None:
    in_memory = _results(rows, checks, streaming=False)
    assert _results(rows, checks, streaming=True) == in_memory


def test_flags_agree(rows: pl.DataFrame, checks: list[Expectation]) -> None:
    rules = [check for check in checks if hasattr(check, "map_metric")]
    flags = flag_rows(rows, rules)
    bits = flags.frame.select(flags.columns)
    assert bits.collect(engine="streaming").equals(bits.collect(engine="in-memory"))


def test_columns_without_a_type_are_columns_of_nulls() -> None:
    typed = frames.in_polars(frames.all_null())
    others = [name for name in typed.columns if name not in ("id", "key")]
    untyped = typed.with_columns(pl.lit(None).alias(name) for name in others)
    checks = [*cases.row_rules(), *cases.aggregates(), *cases.pair_sets()]
    suite = gx.ExpectationSuite("suite")
    suite.expectations = [c for c in checks if "kl_divergence" not in c.expectation_type]
    for one, other in zip(
        validate(typed, suite).results, validate(untyped, suite).results, strict=True
    ):
        assert one.success == other.success
        assert {k: v for k, v in one.result.items() if k != "unexpected_index_query"} == {
            k: v for k, v in other.result.items() if k != "unexpected_index_query"
        }
