"""Checks a table against its suite, and splits off the rows that break what holds rows back.

Results are plain data without any value of a row. Great Expectations is imported at the first
call, not before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from expectations import row_history
from expectations.catalogue import EXIST_IN_TABLE, MATCH_HISTORY, kinds
from expectations.observed import describe
from expectations.references import as_membership, with_helpers
from expectations.suite import Expectation, ExpectationResult, Suite

Frames = Mapping[str, pl.LazyFrame]
REASONS = "__reasons__"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a table's suite may look at beside the table.

    Args:
        tables: the other tables of the night, by name.
        row_counts: the table's row counts on earlier nights, in any order.
    """

    tables: Frames = field(default_factory=dict)
    row_counts: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Split:
    """A table in two, both in the table's order.

    Args:
        passed: the rows that break nothing that holds rows back, as given.
        held: the others, with a column `REASONS`: list of strings, every reason of the row.
    """

    passed: pl.LazyFrame
    held: pl.LazyFrame


def check(
    frame: pl.LazyFrame, suite: Suite, surroundings: Surroundings | None = None
) -> tuple[ExpectationResult, ...]:
    """Check every expectation of a suite.

    Args:
        frame: the table's own columns, without those that only say where a row came from.
        suite: what is expected; its columns must be the table's.
        surroundings: other tables and earlier row counts.

    Returns:
        A result for each expectation, in order.

    Raises:
        SuiteError: the suite names a column or a table that is not there.
    """
    around = surroundings or Surroundings()
    suite.check_columns(frame.collect_schema().names())
    references = [e for e in suite.expectations if e.type == EXIST_IN_TABLE]
    stock = [e for e in suite.expectations if e.type not in (EXIST_IN_TABLE, MATCH_HISTORY)]
    histories = [e for e in suite.expectations if e.type == MATCH_HISTORY]
    found = {
        **_engine_results(frame, stock, [_stock(e) for e in stock]),
        **_engine_results(
            with_helpers(frame, references, around.tables),
            references,
            [as_membership(i, e) for i, e in enumerate(references)],
        ),
        **{id(e): row_history.compare(frame, e, around.row_counts) for e in histories},
    }
    return tuple(found[id(expectation)] for expectation in suite.expectations)


def split(frame: pl.LazyFrame, suite: Suite, surroundings: Surroundings | None = None) -> Split:
    """Split off the rows that break an expectation marked `quarantine`.

    Args:
        frame: the table with all its columns; nothing is computed here.
        suite: what is expected.
        surroundings: other tables, for references.

    Raises:
        SuiteError: the suite names a column or a table that is not there.
    """
    from expectations.engine import flag_rows

    around = surroundings or Surroundings()
    holding = [e for e in suite.expectations if e.on_failure == "quarantine"]
    if not holding:
        none = pl.lit([], dtype=pl.List(pl.String))
        return Split(frame, frame.limit(0).with_columns(none.alias(REASONS)))
    references = [e for e in holding if e.type == EXIST_IN_TABLE]
    stock = [e for e in holding if e.type != EXIST_IN_TABLE]
    rules = [_stock(e) for e in stock]
    rules += [as_membership(i, e) for i, e in enumerate(references)]
    flags = flag_rows(
        with_helpers(frame, references, around.tables),
        rules,
        labels=[e.reason for e in (*stock, *references)],
    )
    columns = frame.collect_schema().names()
    held = flags.frame.filter(flags.is_flagged())
    return Split(
        flags.frame.filter(~flags.is_flagged()).select(columns),
        held.with_columns(flags.reasons().alias(REASONS)).select(*columns, REASONS),
    )


def _stock(expectation: Expectation) -> Any:
    return kinds()[expectation.type].build(
        **expectation.arguments, severity=expectation.severity, notes=expectation.notes or None
    )


def _engine_results(
    frame: pl.LazyFrame, expectations: Sequence[Expectation], rules: Sequence[Any]
) -> dict[int, ExpectationResult]:
    """Results by the identity of the expectation: two of a suite may be equal."""
    if not rules:
        return {}
    results = _validate(frame, rules)
    return {
        id(expectation): _plain(frame, expectation, rule, result)
        for expectation, rule, result in zip(expectations, rules, results, strict=True)
    }


def _validate(frame: pl.LazyFrame, rules: Sequence[Any]) -> list[Any]:
    from great_expectations import ExpectationSuite

    from expectations.engine import validate

    suite = ExpectationSuite(name="suite")
    # add_expectation would drop a rule that equals another one
    suite.expectations = list(rules)
    return list(validate(frame, suite).results)


def _plain(
    frame: pl.LazyFrame, expectation: Expectation, rule: Any, result: Any
) -> ExpectationResult:
    error = _exception(result)
    if error is not None:
        return ExpectationResult(expectation, False, error=_tell(frame, rule, error))
    counts = result.result
    return ExpectationResult(
        expectation,
        bool(result.success),
        describe(expectation.type, counts.get("observed_value")),
        counts.get("element_count"),
        counts.get("unexpected_count"),
        counts.get("unexpected_percent"),
    )


def _exception(result: Any) -> Mapping[str, Any] | None:
    """The exception of a check; one of several metrics is as good as another."""
    info: Mapping[str, Any] = result.exception_info or {}
    if "raised_exception" not in info:
        info = next((entry for entry in info.values() if isinstance(entry, Mapping)), {})
    return info if info.get("raised_exception") else None


def _tell(frame: pl.LazyFrame, rule: Any, error: Mapping[str, Any]) -> str:
    """Say why a check could not be made, without a value of a row.

    The same check of no rows at all fails with the same message where the fault lies in the suite
    or the types; that message is safe to show. A message that only rows provoke may quote them.
    """
    without_rows = _exception(_validate(frame.limit(0), [rule])[0])
    if without_rows is not None:
        return str(without_rows["exception_message"])
    last_line = str(error.get("exception_traceback", "")).strip().rpartition("\n")[2]
    return f"{last_line.partition(':')[0] or 'an error'} (its message may quote rows: not kept)"
