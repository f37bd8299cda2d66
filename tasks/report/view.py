"""Parts of pages and summaries, gathered from the tables; no markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from tasks.core.results import LedgerLine, Selection, Verdict
from tasks.models.records import Metric
from tasks.report import words
from tasks.report.class_table import OF_ONE_CLASS

_TEST = "test"
_FIRST = (
    "average_precision",
    "roc_auc",
    "base_rate",
    "calibration_error",
    "rmse",
    "mae",
    "r2",
    "interval_coverage",
)
_OF_A_DAY = "_a_day"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """A ledger line and by how many rows it is off; 0 where it balances."""

    line: LedgerLine
    off: int


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One measure across models: the cell of each column of the table, None where it has none."""

    metric: str
    cells: tuple[Metric | None, ...]


@dataclass(frozen=True, slots=True)
class MetricTable:
    """Measures by model and split."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[MetricRow, ...]

    @property
    def first(self) -> tuple[MetricRow, ...]:
        """What is read first: how well events are ranked, and what the alerts of a day are worth.

        The others, of calls at a probability that rare labels never reach say, are folded.
        """
        return tuple(row for row in self.rows if _is_first(row.metric))

    @property
    def others(self) -> tuple[MetricRow, ...]:
        """The others."""
        return tuple(row for row in self.rows if not _is_first(row.metric))


def _is_first(metric: str) -> bool:
    return metric in _FIRST or metric.endswith(_OF_A_DAY)


@dataclass(frozen=True, slots=True)
class FeatureBar:
    """A candidate feature beside its threshold, both as shares of the longest bar, in percent."""

    verdict: Verdict
    bar: float
    mark: float


def see_ledger(lines: Iterable[LedgerLine]) -> tuple[LedgerRow, ...]:
    """The lines with the check that each adds up."""
    return tuple(
        LedgerRow(
            line,
            line.rows_in - line.rows_out - line.quarantined - sum(line.rejected.values()),
        )
        for line in lines
    )


def rows_from_sources(lines: Iterable[LedgerLine]) -> int:
    """Rows that entered: those that the first stage of each table took."""
    first: dict[str, int] = {}
    for line in lines:
        if line.stage in ("ingest", "validate"):
            first.setdefault(line.table, line.rows_in)
    return sum(first.values())


def see_metrics(metrics: Sequence[Metric]) -> MetricTable:
    """Measures side by side, one column for each model and split; those of one class aside."""
    metrics = [each for each in metrics if not each.metric.startswith(OF_ONE_CLASS)]
    columns = tuple(dict.fromkeys((each.model, each.split) for each in metrics))
    found = {(each.metric, each.model, each.split): each for each in metrics}
    rows = tuple(
        MetricRow(metric, tuple(found.get((metric, *column)) for column in columns))
        for metric in dict.fromkeys(each.metric for each in metrics)
    )
    return MetricTable(columns, rows)


def see_features(selection: Selection, limit: int) -> tuple[FeatureBar, ...]:
    """The strongest candidates as bars, each with the mark it had to reach."""
    shown = selection.verdicts[:limit]
    longest = max((max(v.importance, v.threshold) for v in shown), default=0.0) or 1.0
    return tuple(
        FeatureBar(
            verdict,
            round(100 * max(verdict.importance, 0.0) / longest, 2),
            round(100 * max(verdict.threshold, 0.0) / longest, 2),
        )
        for verdict in shown
    )


@dataclass(frozen=True, slots=True)
class Change:
    """A measure, what it was the night before and is tonight, and the parts that add up."""

    measure: str
    compared_with: str
    before: float
    after: float
    parts: tuple[Row, ...]

    @property
    def is_told_apart(self) -> bool:
        """Whether a part of its own moved the measure."""
        return any(part["value"] for part in self.parts if part["part"] != "together")

    @property
    def verdict(self) -> str:
        """The difference and its largest part, in one sentence."""
        moved = self.after - self.before
        most = max(self.parts, key=lambda part: abs(part["value"]))
        told = f"{words.number(self.after)} after {words.number(self.before)}"
        if not most["value"]:
            return f"{told}: nothing moved it."
        if not self.is_told_apart:
            return f"{told}, {words.signed(moved)}: {most['detail']}."
        if not moved:
            return f"{told}: what moved it cancels out."
        return f"{told}, {words.signed(moved)}: most of all {most['part']}."


def see_changes(compared: pl.DataFrame) -> tuple[Change, ...]:
    """The changes table by measure; parts that took no part are left out."""
    found = []
    for (measure,), rows in compared.group_by("measure", maintain_order=True):
        first = rows.row(0, named=True)
        parts = tuple(rows.filter((pl.col("part") != "together") | pl.col("changed")).to_dicts())
        before = first["compared_with"], first["before"], first["after"]
        found.append(Change(str(measure), *before, parts))
    return tuple(found)


def find_metric(metrics: Iterable[Metric], name: str, split: str = _TEST) -> Metric | None:
    """The first measure of that name on a split."""
    return next((each for each in metrics if (each.metric, each.split) == (name, split)), None)


def strongest_contribution(alerts: Iterable[Row]) -> float:
    """The largest contribution of any reason, by which the bars are measured."""
    return max(_sizes(alerts), default=0.0) or 1.0


def _sizes(alerts: Iterable[Row]) -> Iterator[float]:
    for alert in alerts:
        for reason in alert["reasons"]:
            yield abs(reason["contribution"])
