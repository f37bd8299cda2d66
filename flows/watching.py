"""What a night says that people want to be told of: that it stopped, or how far it drifted."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from flows.notices import Notice, failures, notify
from flows.pipeline import Pipeline
from tasks.core.artifacts import Report
from tasks.core.commit import last_commit
from tasks.core.errors import LamplighterError
from tasks.core.records import Commit
from tasks.core.store import table_uri
from tasks.monitor.config import DriftRule
from tasks.monitor.retrain import Drifted


def drifted(pipeline: Pipeline, record: Commit) -> Drifted | None:
    """How far a published night is from the training; None where it was not measured.

    Raises:
        IntegrityError: its drift table was changed.
    """
    uri = table_uri("reports", pipeline.name, "drift", record.batch, "night.parquet")
    ref = record.find(Report, uri)
    if ref is None:
        return None
    return Drifted.of(record.batch, pipeline.store.scan(ref).collect())


def drift_rule(pipeline: Pipeline) -> DriftRule:
    """When a night's drift is worth a word: the rule of retraining, or that rule's defaults."""
    return pipeline.config.monitoring.retrain.drift or DriftRule.model_validate({})


def tell_stopped(pipeline: Pipeline, day: dt.date, error: Exception) -> None:
    """Tell that a night was stopped, by something foreseen or not."""
    if isinstance(error, LamplighterError):
        page = f"incidents/{pipeline.name}/batch_date={day}/incident.html"
        title = f"{pipeline.name}, {day}: stopped by {type(error).__name__}"
        notify(pipeline, day, [Notice("incident", title, str(error), page)])
        return
    # What nobody foresaw may have anything in its message: only its kind is told.
    title = f"{pipeline.name}, {day}: failed"
    notify(pipeline, day, [Notice("failed", title, f"an unforeseen {type(error).__name__}")])


def tell_drifts(pipeline: Pipeline, days: Sequence[dt.date]) -> tuple[str, ...]:
    """Tell once of all the nights of a backfill that drifted strongly.

    Returns:
        Who could not be told, one sentence each.
    """
    records = (last_commit(pipeline.store, pipeline.name, str(day)) for day in days)
    found = (drifted(pipeline, record) for record in records if record)
    far = [each for each in found if each and each.is_grave(drift_rule(pipeline))]
    if not far:
        return ()
    title = f"{pipeline.name}, {days[0]} to {days[-1]}: {len(far)} of {len(days)} nights drifted"
    told = "\n".join(f"{each.batch_date}: {each}" for each in far)
    page = f"reports/{pipeline.name}/index.html"
    return failures(notify(pipeline, days[-1], [Notice("drift", title, told, page)]))


def tell_drift(pipeline: Pipeline, day: dt.date) -> tuple[str, ...]:
    """Tell of a night that drifted strongly, as far as one night may.

    Returns:
        Who could not be told, one sentence each.
    """
    record = last_commit(pipeline.store, pipeline.name, str(day))
    found = drifted(pipeline, record) if record else None
    if found is None or not found.is_grave(drift_rule(pipeline)):
        return ()
    title = f"{pipeline.name}, {day}: far from its training"
    page = table_uri("reports", pipeline.name, "report", str(day), "report.html")
    notice = Notice("drift", title, f"{found}.", page)
    return failures(notify(pipeline, day, [notice]))
