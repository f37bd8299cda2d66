"""One night: ingest → validate → prepare → features → score → report, published as a whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from prefect import flow

from flows import afterwards, arrivals, clock, delta
from flows.asked import Asked, asked
from flows.beside import Rows, beside
from flows.compute import computing
from flows.costs import Costs, counting
from flows.flow_runs import due_date, run_name
from flows.history import History, history, inputs, past_labels
from flows.incident import publish_stopped
from flows.landing import Landing, land
from flows.options import NightOptions
from flows.pipeline import Pipeline, load
from flows.preparing import prepare_on
from flows.publishing import Night, Outcome, closed_night, publish_night
from flows.put_up import put_up_night
from flows.then import aliases_then
from flows.watching import tell_stopped
from tasks.core.artifacts import Labels, Ref
from tasks.core.commit import open_run
from tasks.core.errors import (
    ConfigError,
    LamplighterError,
    ModelTooSlowError,
    NoScoresError,
    SchemaDriftError,
)
from tasks.core.ledger import check_balance
from tasks.core.results import Passed, Shadow
from tasks.core.run import Run
from tasks.features.task import build_features
from tasks.models.aliases import Aliases, read_aliases
from tasks.models.bundle import version_of
from tasks.monitor.task import measure_drift
from tasks.score.asking import Unscored
from tasks.score.config import ScoringConfig
from tasks.score.ladder import BROKEN, Footing, footings, from_the_top, without_scores
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
        closed = closed_night(loaded, day)
        put_up_night(loaded, closed)
        return closed
    delta.check(loaded)
    with (
        counting() as costs,
        open_run(loaded.store, loaded.name, str(day), clock.attempt_name()) as run,
    ):
        try:
            serving = _serving(loaded, day, options)
            arrivals.take_night(loaded, day, loaded.config.sources)
            past = history(loaded, day, day - _DAY)
            with computing(loaded, run) as computed:
                night = _night(run, computed, day, past, serving, costs)
        except Exception as error:
            if isinstance(error, LamplighterError):
                publish_stopped(run, loaded, error, costs)
            tell_stopped(loaded, day, error)
            raise
    follow = afterwards.follow_night_of_range if options.in_range else afterwards.follow_night
    beside = follow(loaded, day)
    shown = () if options.in_range else put_up_night(loaded, night)
    stale = arrivals.stale_nights(loaded, arrivals.all_kept(loaded))
    return replace(night, stale=tuple(stale), warnings=(*night.warnings, *beside, *shown))


@dataclass(frozen=True, slots=True)
class _Serving:
    """Which models serve, and how they are asked.

    Args:
        aliases: the models.
        options: what was asked for.
        why_not: why they are not those of then, which were asked for; empty where they are.
    """

    aliases: Aliases
    options: NightOptions
    why_not: str = ""


def _serving(pipeline: Pipeline, day: dt.date, options: NightOptions) -> _Serving:
    if not options.as_of:
        return _Serving(read_aliases(pipeline.store, pipeline.name), options)
    aliases, why_not = aliases_then(pipeline, day)
    return _Serving(aliases, options, why_not)


@dataclass(frozen=True, slots=True)
class _Tonight:
    """What every rung of the ladder has in common."""

    run: Run
    pipeline: Pipeline
    day: dt.date
    past: History
    landing: Landing
    labels: Ref[Labels] | None
    asked: Asked

    @property
    def rows(self) -> Rows:
        """What features are made from."""
        tables = self.landing.validated.tables
        events = (*self.past.events.tables.values(), tables[self.pipeline.config.event.table])
        return Rows(events, self.past, tables, self.labels, (self.day, self.day))


def _night(
    run: Run,
    pipeline: Pipeline,
    day: dt.date,
    past: History,
    serving: _Serving,
    costs: Costs,
) -> Night:
    aliases, options = serving.aliases, serving.options
    landing = land(run, pipeline, list(pipeline.config.sources), [*past.events.tables.values()])
    labels = past_labels(run, pipeline, past, landing.validated.tables, day)
    inputs_read = {**past.inputs, **landing.inputs}
    unasked = asked(pipeline, day, inputs_read, options.ask_again)
    tonight = _Tonight(run, pipeline, day, past, landing, labels, unasked)
    challenger = _challenger(tonight, aliases)
    outcome = _climb(tonight, aliases, challenger.shadow)
    scored = outcome.scored
    not_scored = f"The challenger did not score: {challenger.failure}" if challenger.failure else ""
    warnings = filter(None, (*scored.warnings, serving.why_not, not_scored))
    outcome = replace(
        outcome,
        scored=replace(scored, warnings=tuple(warnings)),
        as_of=options.as_of,
        slow_challengers=challenger.too_slow,
    )
    check_balance(outcome.ledger)
    return publish_night(run, pipeline, outcome, costs)


@dataclass(frozen=True, slots=True)
class _Challenged:
    """What the challenger made of the night, or why it made nothing; `too_slow` by version."""

    shadow: Shadow | None = None
    failure: str = ""
    too_slow: Mapping[str, str] = field(default_factory=dict)


def _challenger(tonight: _Tonight, aliases: Aliases) -> _Challenged:
    """What the challenger scores in the shadow; whatever befalls it is told, and stops nothing."""
    model = aliases.challenger
    if model is None:
        return _Challenged()
    version = version_of(model)
    if why := tonight.asked.slow_challengers.get(version):
        return _Challenged(failure=why, too_slow={version: why})
    try:
        return _Challenged(beside(tonight.run, tonight.pipeline, model, "challenger", tonight.rows))
    except (LamplighterError, *BROKEN) as error:
        why = str(getattr(error, "found", error)) or type(error).__name__
        slow = isinstance(error, ModelTooSlowError)
        return _Challenged(failure=why, too_slow={version: why} if slow else {})


def _climb(tonight: _Tonight, aliases: Aliases, shadow: Shadow | None) -> Outcome:
    """What the best rung makes of the night.

    Where every rung's scores are far from those of its training, it is the night that changed: the
    best one's are taken all the same, and the reader is told.
    """
    limits = tonight.pipeline.config.scoring
    try:
        return _first(tonight, aliases, limits, shadow)
    except NoScoresError as error:
        far = [each for each in error.passed if each.kind == "far"]
        if not far:
            raise
        any_distance = limits.model_copy(update={"max_distance": None})
        outcome = _first(tonight, aliases, any_distance, shadow)
        told = f"No model's scores are like those of its training; of the {far[0]}"
        warnings = (told, *outcome.scored.warnings)
        return replace(outcome, scored=replace(outcome.scored, warnings=warnings))


def _first(
    tonight: _Tonight, aliases: Aliases, limits: ScoringConfig, shadow: Shadow | None
) -> Outcome:
    """The outcome of the first footing on which a rung answers.

    Raises:
        NoScoresError: none does.
    """
    passed: list[Passed] = []
    for footing in footings(tonight.pipeline.store, aliases, passed, tonight.asked.unasked):
        try:
            outcome = _outcome(tonight, footing, limits, shadow)
        except NoScoresError as error:
            passed += error.passed
        except (ConfigError, SchemaDriftError) as error:
            if not passed:
                raise  # the champion may be able to score: it is the night that is not as it was
            passed.append(without_scores(footing.rungs[0], "failed", error.found))
        else:
            scored = outcome.scored
            above = from_the_top(aliases, (*passed, *scored.passed))
            return replace(outcome, scored=replace(scored, passed=above))
    raise NoScoresError(passed)


def _outcome(
    tonight: _Tonight, footing: Footing, limits: ScoringConfig, shadow: Shadow | None
) -> Outcome:
    """Prepare, build and score with what the rungs of a footing learned, and with nothing else."""
    run, pipeline, rows = tonight.run, tonight.pipeline, tonight.rows
    config, learned = pipeline.config, footing.learned
    prepared, reached = prepare_on(run, pipeline, learned, rows.events, rows.dates)
    read = inputs(pipeline, reached, rows.past, rows.tables, rows.labels)
    states = learned.record.features
    executor = pipeline.executor
    built = build_features(run, config.features, config.event, read, rows.dates, states, executor)
    unscored = Unscored(run, built.table, executor)
    scored = score(unscored, config.decision, footing, limits, shadow)
    answered = footing.answered(scored)
    drift = measure_drift(run, config.monitoring.drift, built.table, scored.table, answered)

    facts = footing.facts[scored.model_version]
    ledger = (*tonight.landing.ledger, *prepared.ledger, *built.ledger, *scored.ledger)
    return Outcome(tonight.landing, tonight.past, scored, facts, prepared.treated, ledger, drift)
