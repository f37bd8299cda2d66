"""The end of a night: what the stages made, reported and committed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flows import asked, clock
from flows.changes import definitions
from flows.costs import Costs
from flows.explored import UNIT as REALISED
from flows.explored import explored_sentence
from flows.history import History
from flows.landing import Landing
from flows.pipeline import Pipeline
from flows.provenance import commit_facts, provenance
from flows.proving import proved_sentence
from flows.watching import drift_rule
from tasks.core.artifacts import Quality, Ref, Report
from tasks.core.commit import commit, committed_batches, last_commit, open_run
from tasks.core.records import Commit
from tasks.core.results import LedgerLine, Scored
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.core.treatments import Treated
from tasks.models.bundle import Facts
from tasks.models.records import Curve
from tasks.monitor.retrain import Drifted
from tasks.monitor.task import Measured
from tasks.report.records import Histogram, NightReport, NightTables, Provenance, RunRecord
from tasks.report.task import publish, publish_index, publish_run
from tasks.score.decide import rule_in_words

_SPREADS = ("probabilities", "values")
_INDEX = "index"
_INDEX_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stages of a night made.

    Args:
        landing: the sources, landed and split.
        past: the dates before, which its features look into.
        scored: the scores.
        facts: what the model says of itself.
        treated: the treatments of columns.
        ledger: every stage's lines, in the order the stages ran.
        drift: how far the night is from the training.
        as_of: whether the champion of then was asked for.
        slow_challengers: versions that were too slow to score beside the champion, with why.
    """

    landing: Landing
    past: History
    scored: Scored
    facts: Facts
    treated: tuple[Treated, ...]
    ledger: tuple[LedgerLine, ...]
    drift: Measured
    as_of: bool = False
    slow_challengers: Mapping[str, str] = field(default_factory=dict)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Dates the history lacks, with the reason."""
        return self.past.gaps

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each table the night read, by URI."""
        return {**self.past.inputs, **self.landing.inputs}


@dataclass(frozen=True, slots=True)
class Night:
    """What became of a night, in figures small enough to be shown everywhere."""

    pipeline: str
    batch_date: str
    run_id: str
    rows_in: int
    valid: int
    quarantined: int
    scored: int
    alerts: int
    score_source: str
    model_version: str
    degraded: str
    gaps: tuple[str, ...]
    report: str
    open: bool = True
    warnings: tuple[str, ...] = ()
    checks_failed: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()


def closed_night(pipeline: Pipeline, day: dt.date) -> Night:
    """A date for which no data are due."""
    return Night(pipeline.name, str(day), "", 0, 0, 0, 0, 0, "", "", "", (), "", open=False)


def publish_night(run: Run, pipeline: Pipeline, outcome: Outcome, costs: Costs) -> Night:
    """Report a night and commit it: from here on the date has these tables."""
    made = provenance(pipeline, run.batch, outcome.inputs, outcome.scored.model_version)
    told = _warnings(run, pipeline, outcome)
    page = publish(run, _report(pipeline, outcome, made, told))
    # Who cannot be told depends on where a run runs: that is for its record, not for the page.
    warnings = (*outcome.scored.warnings, *told, *pipeline.unheard())
    night = _night(run, outcome, made, page, warnings)
    publish_run(run, _record(pipeline, outcome, night, made, costs))
    held = [ref.uri for ref in outcome.landing.held]
    arrivals = dict(outcome.landing.arrivals)
    facts = commit_facts(made, "night", outcome.ledger)
    beside = {"held": held, "arrivals": arrivals, "definitions": definitions(pipeline)}
    told_of = asked.fact(pipeline, outcome.inputs, outcome.scored, outcome.slow_challengers)
    commit(run, {**facts, **beside, asked.FACT: told_of})
    return night


def refresh_index(pipeline: Pipeline) -> None:
    """Write the page over all nights anew.

    What is published is read once nobody else writes the page: the last writer knows of all.
    """
    with open_run(
        pipeline.store, pipeline.name, _INDEX, clock.attempt_name(), _INDEX_WAIT_SECONDS
    ) as run:
        records = committed_batches(pipeline.store, pipeline.name)
        judged = last_commit(pipeline.store, pipeline.name, REALISED)
        publish_index(run, [tables for record in records for tables in _tables(record, judged)])
        commit(run, {"kind": _INDEX})


def _warnings(run: Run, pipeline: Pipeline, outcome: Outcome) -> tuple[str, ...]:
    """What a reader should know of a night beside its scores: on its page and in its record."""
    drift = outcome.drift
    found = Drifted.of(run.batch, run.scan(drift.table).collect())
    is_far = found is not None and found.is_grave(drift_rule(pipeline))
    return (
        *outcome.landing.warnings,
        *(f"History lacks {gap}" for gap in outcome.gaps),
        *([f"Drift was not measured: {drift.failure}"] if drift.failure else []),
        *([f"Far from its training: {found}"] if is_far else []),
        *_hindsight(run.batch, outcome.facts),
    )


def _hindsight(day: str, facts: Facts) -> Iterator[str]:
    """That a night's model learned from it, or from later dates."""
    if day < facts.unseen_from:
        last = dt.date.fromisoformat(facts.unseen_from) - dt.timedelta(days=1)
        yield (
            f"Scored in hindsight: the model was fitted on dates up to {last}, and this night is "
            "no later; the option as_of asks the champion of then"
        )


def _report(
    pipeline: Pipeline, outcome: Outcome, made: Provenance, warnings: tuple[str, ...]
) -> NightReport:
    landing, facts = outcome.landing, outcome.facts
    return NightReport(
        provenance=made,
        event=pipeline.config.event,
        scored=outcome.scored,
        quality=landing.validated.quality,
        quarantine=landing.held,
        ledger=outcome.ledger,
        selection=facts.selection,
        rule=rule_in_words(pipeline.config.decision),
        metrics=facts.metrics,
        curves=tuple(curve for curve in facts.curves if curve.kind not in _SPREADS),
        training_scores=_training_scores(facts.curves),
        usual=facts.usual,
        treated=outcome.treated,
        warnings=warnings,
        drift=outcome.drift.table,
        proof=proved_sentence(pipeline),
        exploration=explored_sentence(pipeline, made.batch_date),
        as_of=outcome.as_of,
        config=pipeline.config.report,
    )


def _night(
    run: Run, outcome: Outcome, made: Provenance, page: Ref[Report], warnings: tuple[str, ...]
) -> Night:
    scored, ledger = outcome.scored, outcome.ledger
    return Night(
        pipeline=made.pipeline,
        batch_date=made.batch_date,
        run_id=made.run_id,
        rows_in=sum(line.rows_in for line in ledger if line.stage == "ingest"),
        valid=sum(line.rows_out for line in ledger if line.stage == "validate"),
        quarantined=sum(line.quarantined for line in ledger),
        scored=scored.table.rows,
        alerts=run.scan(scored.table).filter(decision="alert").collect().height,
        score_source=scored.source,
        model_version=scored.model_version,
        degraded=scored.degraded,
        gaps=outcome.gaps,
        report=page.uri,
        warnings=warnings,
        checks_failed=tuple(_checks_failed(run, outcome.landing.validated.quality)),
    )


def _checks_failed(run: Run, quality: Ref[Quality]) -> Iterator[str]:
    """The checks that did not hold, one line each: none of them stopped the night."""
    for row in run.scan(quality).filter(success=False).collect().to_dicts():
        count = row["unexpected_count"]
        fate = " held back" if row["blocking"] else ""
        found = f"{count:,} rows{fate}" if count else row["observed_value"] or "not met"
        yield f"{row['table']}: {row['expectation']}({row['columns']}), {row['severity']}: {found}"


def _record(
    pipeline: Pipeline, outcome: Outcome, night: Night, made: Provenance, costs: Costs
) -> RunRecord:
    return RunRecord(
        provenance=made,
        kind="night",
        status="done",
        started_at=costs.started_at,
        ended_at=clock.now(),
        stages=tuple(costs.stages),
        rows_in=night.rows_in,
        rows_quarantined=night.quarantined,
        rows_scored=night.scored,
        alerts=night.alerts,
        score_source=night.score_source,
        as_of=outcome.as_of,
        reason=night.degraded,
        warnings=night.warnings,
        watts_per_core=pipeline.config.monitoring.watts_per_core,
    )


def _training_scores(curves: tuple[Curve, ...]) -> Histogram | None:
    """How the champion's probabilities, or values, were spread over its test part."""
    for curve in curves:
        if curve.kind in _SPREADS and curve.split == "test":
            return Histogram(curve.x, curve.y)
    return None


def _tables(record: Commit, judged: Commit | None) -> Iterator[NightTables]:
    def find(name: str, within: Commit | None = record) -> Ref[Report] | None:
        uri = table_uri("reports", record.pipeline, name, record.batch, "night.parquet")
        return within.find(Report, uri) if within else None

    runs, alerts, quality = map(find, ("runs", "alerts", "data_quality"))
    if runs and alerts and quality:
        worth = find("realised", judged)
        yield NightTables(record.batch, runs, alerts, quality, find("drift"), worth)
