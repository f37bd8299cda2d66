"""What a run leaves in the Prefect UI: its verdict, figures, ledger, pictures, a key for each.

They say what the published files say, and follow the publication: a server that does not take them
undoes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, ParamSpec

import httpx
from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from flows.pictures import pictures
from flows.pipeline import Pipeline
from flows.publishing import Night
from flows.summaries import metric_rows, night_row, overall_rows, quality_row
from flows.terminal import cell
from flows.training_report import Training
from tasks.core.artifacts import Ref, Report
from tasks.core.commit import last_commit
from tasks.core.errors import LamplighterError
from tasks.core.store import table_uri
from tasks.models.aliases import BATCH, Aliases
from tasks.monitor.quality import Realised
from tasks.report.markdown import plain, table

if TYPE_CHECKING:
    from flows.backfill import Backfill

_P = ParamSpec("_P")
_LEDGER = ("stage", "table", "rows_in", "rows_out", "quarantined", "rejected")
# The sections of a night's summary that have a key of their own, by their headings.
_SECTIONS = {
    "Top alerts": "alerts",
    "Data quality": "quality",
    "Drift": "drift",
    "Ledger": "ledger",
}


def _undoing_nothing(show: Callable[_P, None]) -> Callable[_P, tuple[str, ...]]:
    """Show something where there is a server; a sentence of why it could not be shown."""

    @wraps(show)
    def shown(*args: _P.args, **words: _P.kwargs) -> tuple[str, ...]:
        if not _has_ui():
            return ()
        try:
            show(*args, **words)
        except (httpx.HTTPError, LamplighterError, OSError) as error:
            return (f"The Prefect UI does not show all of this run: a {type(error).__name__}",)
        return ()

    return shown


@_undoing_nothing
def put_up_night(pipeline: Pipeline, night: Night) -> None:
    """Show a night."""
    if not night.open:
        _leave(pipeline, "night", night.batch_date, {"verdict": _closed(night)})
        return
    day = night.batch_date
    report = partial(table_uri, "reports", pipeline.name, "report", day)
    summary = _published(pipeline, day, report("summary.md")).decode()
    head, *sections = summary.split("\n## ")
    parts = {"verdict": head}
    for section in sections:
        heading, _, text = section.partition("\n")
        parts[_SECTIONS[heading]] = f"## {heading}\n{text}"
    parts["pictures"] = pictures(_published(pipeline, day, report("report.html")))
    _leave(pipeline, "night", day, parts)


@_undoing_nothing
def put_up_training(pipeline: Pipeline, training: Training) -> None:
    """Show a training."""
    trained, day = training.trained, training.trained.reference.known_by
    alias = "champion" if training.standing.champion else "challenger"
    said = (
        f"{trained.version} is the {alias}: {training.standing.order.why}",
        f"{training.rows:,} examples of {trained.reference.first_date} to "
        f"{trained.reference.last_date}; {len(training.selection.features)} of "
        f"{len(training.selection.verdicts)} features",
    )
    warnings = (*(f"History lacks {gap}" for gap in training.gaps), *training.warnings)
    page, ledger = (
        table_uri("reports", pipeline.name, kind, day, name)
        for kind, name in (("report", "training.html"), ("ledger", "training.parquet"))
    )
    parts = {
        "verdict": _verdict(said, warnings),
        "figures": _table(metric_rows(trained.metrics)),
        "ledger": _ledger(pipeline, BATCH, ledger),
        "pictures": pictures(_published(pipeline, BATCH, page)),
    }
    _leave(pipeline, "training", day, parts)


@_undoing_nothing
def put_up_backfill(pipeline: Pipeline, done: Backfill) -> None:
    """Show a range of nights."""
    said = f"{len(done.nights)} nights were run, {len(done.skipped)} were published already"
    parts = {"verdict": _verdict([said], done.warnings)}
    if done.nights:
        parts["figures"] = _table(map(night_row, done.nights))
    _leave(pipeline, "backfill", said, parts)


@_undoing_nothing
def put_up_monitoring(pipeline: Pipeline, known_by: dt.date, found: Realised) -> None:
    """Show what nights turned out to be worth."""
    whole = found.overall
    due = [f"A training is due by {reason.rule}: {reason.text}" for reason in found.due]
    explored = [found.exploration.sentence] if found.exploration else []
    said = [
        f"{len(found.nights)} nights by the labels known on {known_by}: {whole.known:,} of "
        f"{whole.scored:,} events",
        *explored,
        *([found.challenger] if found.challenger else []),
        *due,
    ]
    nights = (
        {"night": each.batch_date, "known": each.known} | quality_row(each) for each in found.nights
    )
    index = f"reports/{pipeline.name}/index.html"
    parts = {
        "verdict": _verdict(said, found.warnings),
        "figures": f"{_table(overall_rows(whole))}\n\n{_table(nights)}",
        "pictures": pictures(_published(pipeline, "index", index)),
    }
    _leave(pipeline, "monitoring", str(known_by), parts)


@_undoing_nothing
def put_up_promotion(pipeline: Pipeline, aliases: Aliases) -> None:
    """Show who made which version what."""
    last = aliases.moves[-1]
    said = [f"{last.version} is the {last.alias}: {last.why}", f"By {last.by}, {last.at}"]
    moves = (
        {name: getattr(move, name) for name in ("at", "alias", "version", "by", "why")}
        for move in reversed(aliases.moves)
    )
    parts = {"verdict": _verdict(said, ()), "figures": _table(moves)}
    _leave(pipeline, "promotion", last.version, parts)


@_undoing_nothing
def put_up_incident(pipeline: Pipeline, day: str, error: Exception) -> None:
    """Show why a night was stopped."""
    text = f"## {type(error).__name__}\n\n```\n{error}\n```\n"
    _leave(pipeline, "night", day, {"incident": text})


def _has_ui() -> bool:
    """Whether this is a run of a Prefect server."""
    return FlowRunContext.get() is not None


def _leave(pipeline: Pipeline, kind: str, description: str, parts: Mapping[str, str]) -> None:
    name = pipeline.name.replace("_", "-")  # a key has no underscore
    for part, text in parts.items():
        if text:
            key = f"{name}-{kind}-{part}"
            create_markdown_artifact(text, key=key, description=description)


def _find(pipeline: Pipeline, batch: str, uri: str) -> Ref[Report] | None:
    record = last_commit(pipeline.store, pipeline.name, batch)
    return record.find(Report, uri) if record else None


def _published(pipeline: Pipeline, batch: str, uri: str) -> bytes:
    """A published file, verified; nothing where it was taken away meanwhile."""
    ref = _find(pipeline, batch, uri)
    return pipeline.store.read_bytes(ref) if ref else b""


def _closed(night: Night) -> str:
    return f"{night.batch_date} is a closed day: nothing to run."


def _verdict(said: Iterable[str], warnings: Iterable[str]) -> str:
    first, *more = map(plain, said)
    return "\n\n".join([f"**{first}**", *more, *(f"> {plain(each)}" for each in warnings)])


def _table(rows: Iterable[Mapping[str, Any]]) -> str:
    found = list(rows)
    return table(found[0], (map(cell, row.values()) for row in found)) if found else ""


def _ledger(pipeline: Pipeline, batch: str, uri: str) -> str:
    ref = _find(pipeline, batch, uri)
    return _table(pipeline.store.scan(ref).select(_LEDGER).collect().to_dicts()) if ref else ""
