"""Why a night was stopped, published beside the date's tables, which stay as they were."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from flows import clock, mends
from flows.costs import Costs
from flows.pipeline import Pipeline
from flows.provenance import commit_facts, provenance
from flows.put_up import put_up_incident
from tasks.core.artifacts import Quarantined, Ref
from tasks.core.commit import commit, open_run
from tasks.core.errors import LamplighterError
from tasks.core.run import Run
from tasks.report.records import Incident
from tasks.report.task import publish_incident


def publish_stopped(run: Run, pipeline: Pipeline, error: LamplighterError, costs: Costs) -> None:
    """Publish an incident in a commit of its own, and put it up in the Prefect UI.

    Args:
        run: the run that was stopped; its staging may hold the quality table.
        pipeline: the pipeline.
        error: what stopped it.
        costs: its stages so far; the last one is where it stopped.
    """
    made = provenance(pipeline, run.batch, {"stopped by": str(error)})
    incident = Incident(
        provenance=made,
        stage=costs.stages[-1].stage if costs.stages else "",
        error=type(error).__name__,
        required=error.required,
        found=error.found,
        where=error.where,
        do=error.do,
        quality=getattr(error, "quality", None),
        ledger=getattr(error, "ledger", ()),
    )
    unit = f"incident-{run.batch}"
    with open_run(run.store, pipeline.name, unit, clock.attempt_name()) as aside:
        publish_incident(aside, incident, stopped=run)
        held = [ref.uri for ref in _keep_held(aside, run, pipeline, error)]
        commit(aside, {**commit_facts(made, "incident", incident.ledger), "held": held})
    put_up_incident(pipeline, run.batch, error)


def _keep_held(
    aside: Run, stopped: Run, pipeline: Pipeline, error: LamplighterError
) -> Iterator[Ref[Quarantined]]:
    """Keep the rows that a closed gate would have held back, so that they can be mended."""
    by_suites: tuple[Ref[Quarantined], ...] = getattr(error, "quarantine", ())
    if not by_suites:
        return
    by_ingest = [ref for ref in stopped.written() if ref.uri.endswith("/ingest.parquet")]
    rows = pl.concat([stopped.scan(ref) for ref in (*by_ingest, *by_suites)])
    mended = mends.read(pipeline, stopped.batch).filter(stage="ingest").lazy()
    left = rows.join(mended, on=["table", "source", "line"], how="anti", maintain_order="left")
    uri = f"incidents/{pipeline.name}/batch_date={stopped.batch}/quarantine.parquet"
    yield aside.write_table(Quarantined, left, uri)
