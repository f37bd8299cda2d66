"""What a night's page and summary show, gathered from its tables; no markup."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from tasks.report import justification, words
from tasks.report.checks import handled, see_expectations
from tasks.report.contract import TABLES
from tasks.report.records import Histogram, NightReport
from tasks.report.view import Row, find_metric, rows_from_sources

_EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)

NO_DRIFT = TABLES["drift"].empty()


@dataclass(frozen=True, slots=True)
class Figure:
    """One key figure: its name, its value, and what puts it in proportion."""

    name: str
    value: str
    note: str = ""


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
    def drift_open(self) -> tuple[Row, ...]:
        """Those of them that drifted, or may have, and the score."""
        return tuple(
            row
            for row in self.drift_shown
            if row["kind"] == "score" or row["verdict"] not in words.AS_TRAINED
        )

    @property
    def drift_folded(self) -> tuple[Row, ...]:
        """The others."""
        return tuple(row for row in self.drift_shown if row not in self.drift_open)

    @property
    def drift_verdict(self) -> str:
        """How far the night is from the training, in one sentence; empty where none was told."""
        return words.drift(self.drifts)

    @property
    def broken(self) -> int:
        """Expectations that did not hold."""
        return sum(not each["success"] for each in self.expectations)

    @property
    def unhandled(self) -> int:
        """Those of them that did not merely hold a few rows back."""
        return sum(not each["success"] and not handled(each) for each in self.expectations)

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
        alerts = words.count(self.alert_count, "alert") if self.alert_count else "No alert"
        told = f"{alerts} from {words.count(self.events, 'event')}"
        if self.alert_count and self.expected_hits is not None and not self.of_values:
            told += f", {self.expected_hits:.1f} of them expected to be right"
        return f"{told}; {self._data}; {words.scorer(self.night.scored.source)} scored."

    @property
    def _data(self) -> str:
        """What became of the data, in the verdict."""
        checks, grave = len(self.expectations), self.unhandled
        if grave:
            return f"{grave} of {words.count(checks, 'check')} did not hold"
        if self.broken:
            return f"checks held {words.count(self.quarantined, 'row')} back"
        return "every check held" if checks else "no check was made"

    @property
    def tone(self) -> str:
        """`good`, or `look` where something should be read before the alerts are trusted."""
        return "look" if self.warnings or self.unhandled else "good"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before trusting the night."""
        degraded, source = self.night.scored.degraded, words.scorer(self.night.scored.source)
        place = f"{source[0].upper()}{source[1:]} scored in the champion's place: {degraded}"
        told = (place,) if degraded else ()
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


def _histogram(chances: pl.Series, training: Histogram | None) -> Histogram:
    edges = training.edges if training else _EDGES
    within = chances.drop_nulls().to_numpy().clip(edges[0], edges[-1])
    counts, _ = np.histogram(within, np.asarray(edges))
    return Histogram(edges, tuple(map(float, counts)))
