"""What a page or a summary shows, gathered from the tables; no markup."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from tasks.core.results import LedgerLine, Selection, Verdict
from tasks.models.records import Metric
from tasks.report import justification, words
from tasks.report.class_table import OF_ONE_CLASS
from tasks.report.contract import TABLES
from tasks.report.records import Histogram, NightReport

_EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_TEST = "test"
_SOURCES = {
    "champion": "the champion scored",
    "previous": "the previous champion scored",
    "fallback": "the fallback scored",
}

Row = Mapping[str, Any]

NO_QUALITY = TABLES["data_quality"].empty()
NO_DRIFT = TABLES["drift"].empty()


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure: its name, its value, and what puts it in proportion."""

    name: str
    value: str
    note: str = ""


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


@dataclass(frozen=True, slots=True)
class FeatureBar:
    """A candidate feature beside its threshold, both as shares of the longest bar, in percent."""

    verdict: Verdict
    bar: float
    mark: float


@dataclass(frozen=True, slots=True)
class NightView:
    """All that a night's page and summary show.

    Args:
        night: what was handed over.
        events: events scored.
        alert_count: those that became alerts.
        expected_hits: sum of the alerts' calibrated probabilities; None where no label tells any.
        alerts: the first rows of the alerts table.
        expectations: rows of the data quality table, those that did not hold first.
        spread: how the calibrated probabilities, or predicted values, are spread.
        drifts: rows of the drift table, the gravest first.
    """

    night: NightReport
    events: int
    alert_count: int
    expected_hits: float | None
    alerts: tuple[Row, ...]
    expectations: tuple[Row, ...]
    spread: Histogram
    drifts: tuple[Row, ...] = ()

    @property
    def of_values(self) -> bool:
        """Whether values are predicted."""
        return any(each.metric == "rmse" for each in self.night.metrics)

    @property
    def drift_shown(self) -> tuple[Row, ...]:
        """The strongest drifts, and the score whatever its verdict is."""
        shown = self.night.config.drifts_shown
        return tuple(
            row for n, row in enumerate(self.drifts) if n < shown or row["kind"] == "score"
        )

    @property
    def drift_verdict(self) -> str:
        """How far the night is from the training, in one sentence; empty where none was told."""
        return words.drift(self.drifts)

    @property
    def broken(self) -> int:
        """Expectations that did not hold."""
        return sum(not each["success"] for each in self.expectations)

    @property
    def quarantined(self) -> int:
        """Rows held back by any stage."""
        return sum(line.quarantined for line in self.night.ledger)

    @property
    def rows_in(self) -> int:
        """Rows taken from the sources: by the first stage that saw each table."""
        return rows_from_sources(self.night.ledger)

    @property
    def verdict(self) -> str:
        """The night in one sentence."""
        fit = "the data are fit"
        if self.broken:
            fit += f", with {words.count(self.broken, 'check')} that did not hold"
        scored = _SOURCES.get(self.night.scored.source, f"{self.night.scored.source} scored")
        alerts = words.count(self.alert_count, "alert") if self.alert_count else "No alert"
        return f"{alerts} from {words.count(self.events, 'event')}; {fit}; {scored}."

    @property
    def tone(self) -> str:
        """`good`, or `look` where something should be read before the alerts are trusted."""
        calm = not self.warnings and not self.broken
        return "good" if calm else "look"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before trusting the night."""
        degraded = self.night.scored.degraded
        told = (f"A lower rung had to score: {degraded}",) if degraded else ()
        return (*told, *self.night.scored.warnings, *self.night.warnings)

    @property
    def justification(self) -> str:
        """What the decision is expected to bring, with intervals."""
        return justification.sentence(self.night.scored)

    @property
    def _expected(self) -> Figure:
        if self.of_values:
            return self._held
        if self.expected_hits is None:
            return Figure("Expected hits", "—", "no label, so nobody can say")
        return Figure(
            "Expected hits", f"{self.expected_hits:.1f}", "sum of the alerts' probabilities"
        )

    @property
    def _held(self) -> Figure:
        found = find_metric(self.night.metrics, "interval_coverage")
        held = words.share(found.value) if found else "—"
        return Figure("Intervals hold", held, "of the true values of the model's test part")

    @property
    def figures(self) -> tuple[Figure, ...]:
        """The key figures."""
        checks = len(self.expectations)
        held_share = self.quarantined / self.rows_in if self.rows_in else 0.0
        figures = [
            Figure("Alerts", f"{self.alert_count:,}", self.night.rule),
            self._expected,
            Figure("Events scored", f"{self.events:,}"),
            Figure("Rows in", f"{self.rows_in:,}", "from all sources"),
            Figure("Quarantined", f"{self.quarantined:,}", f"{words.share(held_share)} of rows in"),
            Figure("Checks held", f"{checks - self.broken} of {checks}"),
        ]
        return tuple(figures)


def see_night(
    night: NightReport,
    scored: pl.LazyFrame,
    alerts: pl.DataFrame,
    quality: pl.DataFrame,
    drifts: pl.DataFrame = NO_DRIFT,
) -> NightView:
    """Gather what a night shows.

    Args:
        night: what was handed over.
        scored: the scores.
        alerts: the public alerts table.
        quality: the public data quality table.
        drifts: the public drift table.
    """
    of_values = any(each.metric == "rmse" for each in night.metrics)
    told = scored.select("score" if of_values else "probability").collect(engine="streaming")
    chances = told.to_series()
    shown = alerts.head(night.config.top_alerts)
    return NightView(
        night,
        len(chances),
        alerts.height,
        words.hits(alerts["probability"]),
        tuple(shown.to_dicts()),
        see_expectations(quality),
        _histogram(chances, night.training_scores),
        tuple(drifts.to_dicts()),
    )


def see_expectations(quality: pl.DataFrame) -> tuple[Row, ...]:
    """The expectations, those that did not hold first, otherwise as they were."""
    return tuple(quality.sort("success", maintain_order=True).to_dicts())


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
    def verdict(self) -> str:
        """The difference and its largest part, in one sentence."""
        moved = self.after - self.before
        most = max(self.parts, key=lambda part: abs(part["value"]))
        told = f"{words.number(self.after)} after {words.number(self.before)}"
        if not most["value"]:
            return f"{told}: nothing moved it."
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


def _histogram(chances: pl.Series, training: Histogram | None) -> Histogram:
    edges = training.edges if training else _EDGES
    within = chances.drop_nulls().to_numpy().clip(edges[0], edges[-1])
    counts, _ = np.histogram(within, np.asarray(edges))
    return Histogram(edges, tuple(map(float, counts)))


def strongest_contribution(alerts: Iterable[Row]) -> float:
    """The largest contribution of any reason, by which the bars are measured."""
    return max(_sizes(alerts), default=0.0) or 1.0


def _sizes(alerts: Iterable[Row]) -> Iterator[float]:
    for alert in alerts:
        for reason in alert["reasons"]:
            yield abs(reason["contribution"])
