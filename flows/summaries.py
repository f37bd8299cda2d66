"""What the command prints of a night, of nights and of a training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape

from flows.proving import Proved
from flows.publishing import Night
from flows.terminal import out, table, tell_paths
from flows.training_report import Training
from tasks.models.records import Metric
from tasks.monitor.quality import Quality, Realised

_CHECKS_TOLD = 10
_RANKING = ("average_precision", "roc_auc", "base_rate", "rmse", "mae", "r2", "interval_coverage")
_CALLED = ("accuracy", "precision", "recall")
_A_DAY = "_a_day"


def tell_night(night: Night, folder: Path) -> None:
    """Say what became of one night."""
    if not night.open:
        out.print(f"{night.batch_date} is a closed day of {night.pipeline}: nothing to run.")
        return
    out.print(
        f"[bold]{night.run_id}[/]: {night.alerts:,} alerts from {night.scored:,} events "
        f"({night.rows_in:,} rows in, {night.quarantined:,} quarantined), "
        f"scored by the {night.score_source} {night.model_version}"
    )
    _warn([f"a lower rung scored: {night.degraded}"] if night.degraded else [])
    _warn(night.warnings)
    _warn(stale_told(night.pipeline, night.stale))
    _tell_checks(night.checks_failed)
    tell_paths({"report": folder / night.report})


def stale_told(pipeline: str, nights: Sequence[str]) -> Iterable[str]:
    """Which nights are to be run again, and how."""
    if nights:
        yield (
            f"run before all their rows had arrived: {', '.join(nights)}; run them again: "
            f"lamplighter backfill {pipeline} {nights[0]} {nights[-1]}"
        )


def _tell_checks(failed: Sequence[str]) -> None:
    if failed:
        checks = "check" if len(failed) == 1 else "checks"
        _warn([f"{len(failed)} {checks} did not hold; none of them stops a night"])
    for line in failed[:_CHECKS_TOLD]:
        out.print(f"  {escape(line)}", soft_wrap=True)
    if len(failed) > _CHECKS_TOLD:
        out.print(f"  and {len(failed) - _CHECKS_TOLD} more, in data_quality")


def tell_training(training: Training, folder: Path) -> None:
    """Say what a training came to."""
    reference = training.trained.reference
    out.print(
        f"[bold]{training.trained.version}[/] is the "
        f"{'champion' if training.standing.champion else 'challenger'} "
        f"({training.standing.order.why}): {training.rows:,} examples of "
        f"{reference.first_date} to {reference.last_date}, "
        f"{len(training.selection.features)} of {len(training.selection.verdicts)} features"
    )
    _warn(
        [f"the deep model failed: {training.trained.failure}"] if training.trained.failure else []
    )
    _warn(f"history lacks {gap}" for gap in training.gaps)
    _warn(training.warnings)
    out.print(table("On the part kept for the test", list(metric_rows(training.trained.metrics))))
    tell_paths({"report": folder / training.report})


def tell_proof(proved: Proved) -> None:
    """Say what moved when the future did."""
    out.print(proved.sentence)
    rows = [
        {
            "feature": leak.feature,
            "cut-off": leak.cut_off,
            "future": leak.change,
            "before": leak.before,
            "after": leak.after,
        }
        for leak in proved.leaks
    ]
    if rows:
        out.print(table("Features that moved when the future did, the first case of each", rows))


def tell_nights(nights: Sequence[Night], realised: Realised) -> None:
    """Say what became of nights, and what their scores turned out to be worth."""
    qualities = {quality.batch_date: quality for quality in realised.nights}
    rows = [
        night_row(night) | quality_row(qualities[night.batch_date])
        for night in nights
        if night.open
    ]
    out.print(table("The nights", rows))
    _tell_overall(realised.overall)


def tell_realised(realised: Realised) -> None:
    """Say what past nights turned out to be worth."""
    rows = [
        {"night": quality.batch_date, "scored": quality.scored, "known": quality.known}
        | {"alerts": quality.alerts}
        | quality_row(quality)
        for quality in realised.nights
    ]
    out.print(table("The nights", rows))
    _tell_overall(realised.overall)
    if realised.exploration:
        out.print(realised.exploration.sentence, soft_wrap=True)
    if realised.challenger:
        out.print(escape(realised.challenger), soft_wrap=True)
    _warn(f"a training is due by {reason.rule}: {reason.text}" for reason in realised.due)
    _warn(realised.warnings)


def _tell_overall(whole: Quality) -> None:
    out.print(table("All nights, by the labels known now", list(overall_rows(whole))))
    if whole.of_values is not None:
        return
    out.print(
        f"{whole.positives:,} of {whole.known:,} events whose label is known turned out positive"
    )


def night_row(night: Night) -> dict[str, Any]:
    """A night's counts."""
    return {
        "night": night.batch_date,
        "rows in": night.rows_in,
        "valid": night.valid,
        "quarantined": night.quarantined,
        "scored": night.scored,
        "alerts": night.alerts,
    }


def quality_row(quality: Quality) -> dict[str, Any]:
    """What a night was worth."""
    if quality.of_values is not None:
        found = quality.of_values
        return {
            "RMSE": found.rmse,
            "XGBoost RMSE": found.fallback_rmse,
            "R²": found.r2,
            "intervals held": found.coverage,
            "mean value": found.mean_value,
            "of alerts": found.value_of_alerts,
        }
    return {
        "positives": quality.positives,
        "hits": quality.hits,
        "AP": quality.average_precision,
        "XGBoost AP": quality.fallback_average_precision,
        "base rate": quality.base_rate,
    }


def overall_rows(whole: Quality) -> Iterable[dict[str, Any]]:
    """What all nights were worth, by model."""
    if whole.of_values is not None:
        found = whole.of_values
        yield {"model": "champion", "RMSE": found.rmse, "95% interval": _interval(found.interval)}
        beside = _interval(found.fallback_interval)
        yield {"model": "XGBoost", "RMSE": found.fallback_rmse, "95% interval": beside}
        return
    models = (
        ("champion", whole.average_precision, whole.interval, whole.hits),
        ("XGBoost", whole.fallback_average_precision, whole.fallback_interval, whole.fallback_hits),
    )
    for name, precision, interval, hits in models:
        yield {
            "model": name,
            "average precision": precision,
            "95% interval": _interval(interval),
            "recall of alerts": hits / whole.positives if whole.positives else None,
            "precision of alerts": hits / whole.alerts if whole.alerts else None,
            "base rate": whole.base_rate,
        }


def metric_rows(metrics: Sequence[Metric]) -> Iterable[dict[str, Any]]:
    """What was measured, by model."""
    columns = dict.fromkeys((metric.model, metric.split) for metric in metrics)
    found = {(metric.metric, metric.model, metric.split): metric for metric in metrics}
    names = tuple(dict.fromkeys(metric.metric for metric in metrics))
    # Where people read so many a day, what a probability of one half would call tells nothing.
    by_day = tuple(name for name in names if name.endswith(_A_DAY))
    for name in (*_RANKING, *(by_day or _CALLED)):
        if name in names:
            cells = {
                _column(model, split): _value(found.get((name, model, split)))
                for model, split in columns
            }
            yield {"metric": name.replace("_", " "), **cells}


def _column(model: str, split: str) -> str:
    return model if split == "test" else f"{model} {split.removeprefix('test_')}"


def _value(metric: Metric | None) -> float | None:
    return None if metric is None else metric.value


def _interval(interval: tuple[float, float] | None) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}" if interval else ""


def _warn(texts: Iterable[str]) -> None:
    for text in texts:
        out.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)
