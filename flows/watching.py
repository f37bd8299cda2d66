"""What a night says that people want to be told of: that it stopped, or how far it drifted."""

from __future__ import annotations

import datetime as dt

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
    if ref is None or not ref.rows:
        return None
    table = pipeline.store.scan(ref).select("kind", "verdict").collect()
    strong = table.filter(verdict="strong")
    features = table.filter(kind="feature").height
    share = strong.filter(kind="feature").height / features if features else 0.0
    return Drifted(record.batch, share, not strong.filter(kind="score").is_empty())


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


def tell_drift(pipeline: Pipeline, day: dt.date, page: str) -> tuple[str, ...]:
    """Tell of a night that drifted strongly, as far as one night may.

    Returns:
        Who could not be told, one sentence each.
    """
    record = last_commit(pipeline.store, pipeline.name, str(day))
    found = drifted(pipeline, record) if record else None
    rule = pipeline.config.monitoring.retrain.drift or DriftRule.model_validate({})
    if found is None or not found.is_grave(rule):
        return ()
    score = "the score's is strong" if found.score else "the score's is not strong"
    reason = f"{found.share:.0%} of the features drifted strongly; {score}."
    notice = Notice("drift", f"{pipeline.name}, {day}: far from its training", reason, page)
    return failures(notify(pipeline, day, [notice]))
