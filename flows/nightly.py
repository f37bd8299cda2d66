"""One night: ingest → validate → prepare → features → score → report, published as a whole."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from prefect import flow

from flows import arrivals, clock, pruning
from flows.costs import Costs, counting
from flows.flow_runs import due_date, run_name
from flows.history import History, history, inputs, past_labels
from flows.incident import publish_stopped
from flows.landing import Landing, land
from flows.options import NightOptions
from flows.pipeline import Pipeline, load
from flows.publishing import Night, Outcome, closed_night, publish_night, refresh_index
from tasks.core.commit import Run, open_run
from tasks.core.errors import ConfigError, LamplighterError, ModelError, SchemaDriftError
from tasks.core.ledger import check_balance
from tasks.features.task import build_features
from tasks.models.aliases import Aliases, read_aliases
from tasks.monitor.task import measure_drift
from tasks.prepare.task import prepare
from tasks.score.ladder import Footing, footings, nothing_left
from tasks.score.task import score

_DAY = dt.timedelta(days=1)
AS_WRITTEN = NightOptions()


@flow(name="nightly", flow_run_name=run_name)
def nightly(
    pipeline: str, date: dt.date | None = None, options: NightOptions = AS_WRITTEN
) -> Night:
    """Score one business date with the pipeline's champion.

    Args:
        pipeline: name or file of the pipeline.
        date: the business date; empty means the day before the run was due.
        options: what this run does otherwise than the pipeline file says.
    """
    loaded = options.applied(load(pipeline))
    loaded.check_secrets()
    day = date or due_date(loaded.config.timezone)
    if not loaded.config.calendar.is_open(day):
        return closed_night(loaded, day)
    with (
        counting() as costs,
        open_run(loaded.store, loaded.name, str(day), clock.attempt_name()) as run,
    ):
        try:
            aliases = read_aliases(loaded.store, loaded.name)
            arrivals.take_night(loaded, day, loaded.config.sources)
            past = history(loaded, day, day - _DAY)
            night = _night(run, loaded, day, past, aliases, costs)
        except LamplighterError as error:
            publish_stopped(run, loaded, error, costs)
            raise
    refresh_index(loaded)
    pruning.after_night(loaded)
    return replace(night, stale=tuple(arrivals.stale_nights(loaded, arrivals.all_kept(loaded))))


def _night(
    run: Run, pipeline: Pipeline, day: dt.date, past: History, aliases: Aliases, costs: Costs
) -> Night:
    landing = land(run, pipeline, list(pipeline.config.sources), past.events)
    passed: list[str] = []
    for footing in footings(pipeline.store, aliases, passed):
        try:
            outcome = _outcome(run, pipeline, day, past, landing, footing)
        except ModelError as error:
            passed.append(error.found)
            continue
        except (ConfigError, SchemaDriftError) as error:
            if not passed:
                raise  # the champion may be able to score: it is the night that is not as it was
            passed.append(f"{footing.rungs[0].source}: {error.found}")
            continue
        degraded = "; ".join(filter(None, [*passed, outcome.scored.degraded]))
        check_balance(outcome.ledger)
        told = replace(outcome, scored=replace(outcome.scored, degraded=degraded))
        return publish_night(run, pipeline, told, costs)
    raise nothing_left(passed)


def _outcome(
    run: Run, pipeline: Pipeline, day: dt.date, past: History, landing: Landing, footing: Footing
) -> Outcome:
    """Prepare, build and score with what the rungs of a footing learned, and with nothing else."""
    config, learned = pipeline.config, footing.learned
    tables = landing.validated.tables
    events = (*past.events.tables.values(), tables[config.event.table])

    prepared = prepare(run, config.prepare, learned, config.event, events, (day, day))
    labels = past_labels(run, pipeline, events, day)
    read = inputs(pipeline, prepared.table, past, tables, labels)
    states = learned.record.features
    built = build_features(run, config.features, config.event, read, (day, day), states)
    scored = score(run, config.decision, built.table, footing)
    drift = measure_drift(
        run, config.monitoring.drift, built.table, scored.table, footing.answered(scored)
    )

    facts = footing.facts[scored.model_version]
    ledger = (*landing.ledger, *prepared.ledger, *built.ledger, *scored.ledger)
    return Outcome(landing, past, scored, facts, prepared.treated, ledger, drift)
