"""Why a night was stopped, published beside the date's tables, which stay as they were."""

from __future__ import annotations

from prefect.artifacts import create_markdown_artifact
from prefect.context import FlowRunContext

from flows import clock
from flows.costs import Costs
from flows.pipeline import Pipeline
from flows.provenance import commit_facts, provenance
from tasks.core.commit import Run, commit, open_run
from tasks.core.errors import LamplighterError
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
        commit(aside, commit_facts(made, "incident", incident.ledger))
    if FlowRunContext.get() is not None:
        text = f"## {type(error).__name__}\n\n```\n{error}\n```\n"
        create_markdown_artifact(text, key="incident", description="Why the night was stopped")
