"""One night: ingest → validate → prepare → features → score → report, published as a whole."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from prefect import flow

from flows import arrivals, clock
from flows.costs import Costs, counting
from flows.flow_runs import due_date, run_name
from flows.history import History, history, inputs, past_labels
from flows.incident import publish_stopped
from flows.landing import land
from flows.options import NightOptions
from flows.pipeline import Pipeline, load
from flows.publishing import Night, Outcome, closed_night, publish_night, refresh_index
from tasks.core.commit import Run, open_run
from tasks.core.errors import LamplighterError
from tasks.core.ledger import check_balance
from tasks.features.task import build_features
from tasks.models.aliases import Aliases, read_aliases
from tasks.prepare.task import prepare
from tasks.score.ladder import first_facts
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
    return replace(night, stale=tuple(arrivals.stale_nights(loaded, arrivals.all_kept(loaded))))


def _night(
    run: Run, pipeline: Pipeline, day: dt.date, past: History, aliases: Aliases, costs: Costs
) -> Night:
    config = pipeline.config
    facts, learned = first_facts(pipeline.store, aliases)
    landing = land(run, pipeline, list(config.sources), past.events)
    tables = landing.validated.tables
    events = (*past.events.tables.values(), tables[config.event.table])

    prepared = prepare(run, config.prepare, learned, config.event, events, (day, day))
    labels = past_labels(run, pipeline, events, day)
    read = inputs(pipeline, prepared.table, past, tables, labels)
    states = facts.preparation.features
    built = build_features(run, config.features, config.event, read, (day, day), states)
    scored = score(run, config.decision, built.table, aliases)

    ledger = (*landing.ledger, *prepared.ledger, *built.ledger, *scored.ledger)
    check_balance(ledger)
    outcome = Outcome(landing, past, scored, facts, prepared.treated, ledger)
    return publish_night(run, pipeline, outcome, costs)
