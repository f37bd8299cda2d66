"""Checks a table against its suite, and splits off the rows that break what holds rows back.

Results are plain data without any value of a row. Great Expectations is imported at the first
call, not before.
"""

from __future__ import annotations

import logging
import re
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
_RAISED = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception))(?=:|$)", re.MULTILINE)


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
    outcomes = _validate(frame, rules) if rules else []
    return {
        id(expectation): _plain(frame, expectation, rule, outcome)
        for expectation, rule, outcome in zip(expectations, rules, outcomes, strict=True)
    }


def _validate(frame: pl.LazyFrame, rules: Sequence[Any]) -> list[Any]:
    """Results of Great Expectations; an exception for a rule that lets its validator crash."""
    from great_expectations import ExpectationSuite

    from expectations.engine import validate

    # its messages quote what it choked on, so ours tell what can be told
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    suite = ExpectationSuite(name="suite")
    # add_expectation would drop a rule that equals another one
    suite.expectations = list(rules)
    try:
        return list(validate(frame, suite).results)
    except Exception as error:  # noqa: BLE001 - whatever one rule raises must not take the others
        if len(rules) == 1:
            return [error]
        return [_validate(frame, [rule])[0] for rule in rules]


def _plain(
    frame: pl.LazyFrame, expectation: Expectation, rule: Any, outcome: Any
) -> ExpectationResult:
    error = _error(outcome)
    if error is not None:
        return ExpectationResult(expectation, False, error=_tell(frame, rule, error))
    counts = outcome.result
    return ExpectationResult(
        expectation,
        bool(outcome.success),
        describe(expectation.type, counts.get("observed_value")),
        counts.get("element_count"),
        counts.get("unexpected_count"),
        counts.get("unexpected_percent"),
    )


@dataclass(frozen=True, slots=True)
class _Error:
    """What went wrong in a check: the class of the exception and its message."""

    kind: str
    message: str


def _error(outcome: Any) -> _Error | None:
    """The error of a check; where several metrics failed, one is as good as another."""
    if isinstance(outcome, Exception):
        return _Error(type(outcome).__name__, str(outcome))
    info: Mapping[str, Any] = outcome.exception_info or {}
    if "raised_exception" not in info:
        info = next((entry for entry in info.values() if isinstance(entry, Mapping)), {})
    if not info.get("raised_exception"):
        return None
    kinds_raised = _RAISED.findall(str(info.get("exception_traceback")))
    return _Error(kinds_raised[0] if kinds_raised else "error", str(info.get("exception_message")))


def _tell(frame: pl.LazyFrame, rule: Any, error: _Error) -> str:
    """Say why a check could not be made, without a value of a row.

    The same check of no rows at all fails, too, where the fault lies in the suite or the types;
    what it says then is safe to show. A message that only rows provoke may quote them.
    """
    without_rows = _error(_validate(frame.limit(0), [rule])[0])
    if without_rows is not None:
        return without_rows.message
    return f"{error.kind} (its message may quote rows: not kept)"
