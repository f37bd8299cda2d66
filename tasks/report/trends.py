"""The nights of a pipeline beside each other: what `index.html` shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from tasks.report import words
from tasks.report.checks import unhandled
from tasks.report.worth import Worth, see_worth

UNKNOWN = Worth()


@dataclass(frozen=True, slots=True)
class NightLine:
    """One night among others.

    Args:
        batch_date: ISO date.
        rows_in: rows taken from the sources.
        quarantined: rows held back.
        scored: events scored.
        alerts: events that became alerts.
        expected_hits: sum of the alerts' calibrated probabilities; None where no label tells any.
        checks: expectations made.
        broken: those that did not hold.
        unhandled: of these, those that did not merely hold a few rows back.
        score_source: `champion`, `previous` or `fallback`.
        model_version: version of that model.
        reason: why a lower rung scored; empty otherwise.
        warnings: what a reader should know of it, one sentence each.
        precision: of its alerts.
        recall: of its alerts.
        drifted: share of the features that drifted strongly; None where nobody measured it.
        is_new_model: whether the champion scored, and another model the night before.
    """

    batch_date: str
    rows_in: int
    quarantined: int
    scored: int
    alerts: int
    expected_hits: float | None
    checks: int
    broken: int
    score_source: str
    model_version: str
    reason: str
    unhandled: int = 0
    warnings: tuple[str, ...] = ()
    precision: Worth = UNKNOWN
    recall: Worth = UNKNOWN
    drifted: float | None = None
    is_new_model: bool = False

    @property
    def quarantined_share(self) -> float | None:
        """Rows held back, of those taken; None where none came."""
        return self.quarantined / self.rows_in if self.rows_in else None

    @property
    def is_calm(self) -> bool:
        """Whether checks did no more than hold rows back, and there is nothing else to know."""
        return not self.unhandled and self.score_source == "champion" and not self.warnings


def see_line(
    batch_date: str,
    runs: pl.DataFrame,
    alerts: pl.DataFrame,
    quality: pl.DataFrame,
    drift: pl.DataFrame | None = None,
    realised: pl.DataFrame | None = None,
) -> NightLine:
    """A night's line, from its public tables; the last two it need not have."""
    run = runs.row(0, named=True)
    worth = None if realised is None else realised.row(0, named=True)
    return NightLine(
        batch_date=batch_date,
        rows_in=run["rows_in"],
        quarantined=run["rows_quarantined"],
        scored=run["rows_scored"],
        alerts=run["alerts"],
        expected_hits=words.hits(alerts["probability"]),
        checks=quality.height,
        broken=int((~quality["success"]).sum()),
        unhandled=unhandled(quality),
        score_source=run["score_source"] or "",
        model_version=run["model_version"] or "",
        reason=run["reason"] or "",
        warnings=tuple(run["warnings"] or ()),
        precision=see_worth(worth, "precision") if worth else UNKNOWN,
        recall=see_worth(worth, "recall") if worth else UNKNOWN,
        drifted=_drifted(drift),
    )


def in_a_row(lines: Iterable[NightLine]) -> list[NightLine]:
    """The lines by date, each told whether its model is new."""
    ordered = sorted(lines, key=lambda line: line.batch_date)
    return [
        replace(line, is_new_model=_is_new(before, line))
        for before, line in zip([None, *ordered], ordered, strict=False)
    ]


def _is_new(before: NightLine | None, line: NightLine) -> bool:
    is_other = before is not None and before.model_version != line.model_version
    return is_other and line.score_source == "champion"


def _drifted(drift: pl.DataFrame | None) -> float | None:
    features = None if drift is None else drift.filter(kind="feature")
    if features is None or features.is_empty():
        return None
    return features.filter(verdict="strong").height / features.height


def verdict(lines: Sequence[NightLine]) -> str:
    """The nights in one sentence.

    Args:
        lines: in the order of their dates.
    """
    if not lines:
        return "No night has been published yet."
    last = lines[-1]
    alerts = words.count(sum(line.alerts for line in lines), "alert")
    calm = sum(line.is_calm for line in lines)
    quiet = "all" if calm == len(lines) else f"{calm:,}" if calm else "none"
    return (
        f"{alerts} in {words.count(len(lines), 'night')}, {quiet} of them without a remark; "
        f"the last, {words.day(last.batch_date)}, has {words.count(last.alerts, 'alert')}."
    )
