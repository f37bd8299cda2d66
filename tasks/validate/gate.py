"""The gate: judges a table, splits it, and says why it must stay closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from expectations.check import REASONS, Surroundings, check, split
from expectations.suite import ExpectationResult, Suite
from tasks.core import quarantine
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.results import LedgerLine

STAGE = "validate"
HELD_BY_CLOSED_GATE = "the gate closed"
_ORIGIN = (SOURCE, LINE)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the gate found of one table.

    Args:
        table: the table.
        rows_in: its rows.
        held: rows held back.
        valid: the others, as they came, in their order.
        quarantine: the rows held back, by `tasks.core.quarantine.SCHEMA`.
        results: how each expectation fared.
        causes: why the gate must close; empty where it may open.
    """

    table: str
    rows_in: int
    held: int
    valid: pl.LazyFrame
    quarantine: pl.LazyFrame
    results: tuple[ExpectationResult, ...] = ()
    causes: tuple[str, ...] = ()

    def ledger(self, is_open: bool) -> LedgerLine:
        """What became of the rows: a closed gate lets none pass."""
        left = self.rows_in - self.held
        if is_open:
            return LedgerLine(STAGE, self.table, self.rows_in, left, self.held)
        rejected = {HELD_BY_CLOSED_GATE: left} if left else {}
        return LedgerLine(STAGE, self.table, self.rows_in, 0, self.held, rejected)


def judge(
    table: str,
    rows: pl.LazyFrame,
    suite: Suite,
    surroundings: Surroundings,
    max_quarantined_share: float,
) -> Judgement:
    """Judge a table by its suite.

    Args:
        table: its name.
        rows: typed rows with `_source` and `_line`.
        suite: what is expected.
        surroundings: other tables and earlier row counts.
        max_quarantined_share: in [0, 1]; a larger share held back closes the gate.

    Raises:
        SuiteError: the suite names a column or a table that is not there.
    """
    results = check(rows.drop(_ORIGIN), suite, surroundings)
    rows_in = _count(rows)
    causes = tuple(map(_cause, filter(_stops, results)))
    if not any(map(_holds_rows, results)):
        return pass_through(table, rows, rows_in, results, causes)
    # an expectation that could not be checked closes the gate; it cannot flag rows either
    sound = tuple(result.expectation for result in results if not result.error)
    parts = split(rows, replace(suite, expectations=sound), surroundings)
    held = _count(parts.held)
    if held > max_quarantined_share * rows_in:
        causes = (*causes, _too_many(held, rows_in, max_quarantined_share))
    rows_held = quarantine.from_rows(STAGE, table, parts.held, pl.col(REASONS))
    return Judgement(table, rows_in, held, parts.passed, rows_held, results, causes)


def pass_through(
    table: str,
    rows: pl.LazyFrame,
    rows_in: int,
    results: tuple[ExpectationResult, ...] = (),
    causes: tuple[str, ...] = (),
) -> Judgement:
    """The judgement of a table of which no row is held back."""
    nothing = pl.LazyFrame(schema=quarantine.SCHEMA)
    return Judgement(table, rows_in, 0, rows, nothing, results, causes)


def _holds_rows(result: ExpectationResult) -> bool:
    """Rows that break an expectation are held back also where `mostly` lets it pass."""
    return result.expectation.on_failure == "quarantine" and bool(result.unexpected_count)


def _stops(result: ExpectationResult) -> bool:
    return bool(result.error) or (not result.success and result.expectation.on_failure == "stop")


def _cause(result: ExpectationResult) -> str:
    expectation = result.expectation
    name = f"{expectation.type}({', '.join(expectation.columns)})"
    if result.error:
        return f"{name} could not be checked: {result.error} [{expectation.where}]"
    if result.unexpected_count is not None:
        told = f"{result.unexpected_count} of {result.element_count} rows break it"
    else:
        told = f"observed {result.observed}" if result.observed else "not met"
    return f"{name}: {told} [{expectation.where}]"


def _too_many(held: int, rows_in: int, share: float) -> str:
    return f"{held} of {rows_in} rows would be held back, {held / rows_in:.1%}, over {share:.1%}"


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def causes(judgements: Iterable[Judgement]) -> list[str]:
    """Every reason to keep the gate closed, each with its table."""
    return [f"{j.table}: {cause}" for j in judgements for cause in j.causes]
