"""The scoring stage."""

from __future__ import annotations

import polars as pl

from tasks.core.artifacts import Model, Ref, Scores
from tasks.core.batches import BATCH_DATE
from tasks.core.errors import ModelError, StoreError
from tasks.core.event import EVENT_ID
from tasks.core.results import LedgerLine, Scored, Shadow
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.models.bundle import open_bundle
from tasks.score.asking import Answer, Rung, Unscored, ask
from tasks.score.config import (
    DecisionConfig,
    FalseDiscoveryDecision,
    ScoringConfig,
    TriageDecision,
)
from tasks.score.decide import decide
from tasks.score.discoveries import lack_of_power, q_values
from tasks.score.expectation import expect, left_out
from tasks.score.explaining import REASONS, Explaining
from tasks.score.intervals import with_intervals
from tasks.score.ladder import ANY, Footing, climb, in_short
from tasks.score.novelty import novelty
from tasks.score.reasons import DTYPE
from tasks.score.stream import Events
from tasks.task import stage


@stage("score")
def score(
    unscored: Unscored,
    decision: DecisionConfig,
    footing: Footing,
    limits: ScoringConfig = ANY,
    shadow: Shadow | None = None,
) -> Scored:
    """Score a night's events, decide, and explain the alerts.

    Args:
        unscored: the night's events, with what the footing's preparation made of them.
        decision: which events become alerts.
        footing: the rungs that may be asked.
        limits: when what they answer is not taken.
        shadow: what the challenger scored; None where there is none.

    Raises:
        NoScoresError: none of them answered.
    """
    run, features, events = unscored.run, unscored.features, unscored.events()
    answer, passed = climb(unscored, footing.rungs, limits)
    judged = _judge(events, answer).with_columns(
        fallback_score=_fallback_scores(unscored, footing, answer)
    )
    judged = _with_challenger(run, judged, shadow)
    unusual, unknown = _novelty(run, decision, events, answer)
    decided = decide(judged.with_columns(unusual), decision).drop(EVENT_ID, BATCH_DATE)
    explaining = Explaining.of(decided, answer, limits.reasons)
    ref = _write(run, events, decided, answer, explaining)
    line = LedgerLine("score", features.uri.split("/")[2], features.rows, ref.rows)
    member = answer.member
    expected = expect(decision, member.evidence, member.calibration) if member.evidence else ()
    told = (*explaining.warnings, unknown, _without_power(decision, decided, answer))
    warnings = tuple(filter(None, told))
    role = answer.rung.role
    named = (answer.source, answer.version, role)
    return Scored(ref, (line,), *named, passed, expected, left_out(decision), warnings)


@stage("shadow")
def score_beside(
    unscored: Unscored, model: Ref[Model], name: str, limits: ScoringConfig = ANY
) -> Shadow:
    """Score events by a model that does not serve, of features made with what it learned.

    Args:
        unscored: the events.
        model: the bundle.
        name: what the table of its scores is called.
        limits: how long it may take.

    Raises:
        IntegrityError: a file of the bundle is missing or was changed.
        ModelError: it gives no scores, or takes too long.
    """
    run = unscored.run
    members = open_bundle(run.store, model).manifest.members
    rung = Rung(name, model, "model" if "model" in members else "fallback")
    answer = ask(unscored, rung, limits.timeout.total_seconds())
    named = unscored.events().columns((EVENT_ID, BATCH_DATE)).with_columns(score=answer.scores)
    uri = table_uri("scores", run.pipeline, name, run.batch)
    return Shadow(answer.version, run.write_table(Scores, named, uri))


def _with_challenger(run: Run, judged: pl.DataFrame, shadow: Shadow | None) -> pl.DataFrame:
    """The challenger's scores beside the answer's; null where its preparation left a row out."""
    if shadow is None:
        nothing = {"challenger_score": pl.Float64, "challenger_version": pl.String}
        return judged.with_columns(pl.lit(None, t).alias(name) for name, t in nothing.items())
    scores = run.scan(shadow.table).select(EVENT_ID, challenger_score="score")
    joined = judged.lazy().join(scores, on=EVENT_ID, how="left", maintain_order="left")
    return joined.with_columns(challenger_version=pl.lit(shadow.version)).collect()


def _novelty(
    run: Run, decision: DecisionConfig, events: Events, answer: Answer
) -> tuple[list[pl.Series], str]:
    """How unusual each event is, where a triage asks for it, and why nobody can say.

    Alerts that can be chosen by their probabilities are, whatever becomes of the bonus.
    """
    if not isinstance(decision, TriageDecision) or not decision.novelty:
        return [], ""
    try:
        baselines = open_bundle(run.store, answer.rung.ref).baselines()
    except (ModelError, StoreError) as error:
        return [], f"Nothing was added for novelty: {in_short(error)}"
    return [pl.Series("novelty", novelty(events, baselines))], ""


def _judge(events: Events, answer: Answer) -> pl.DataFrame:
    calibration = answer.member.calibration
    p_values = calibration.p_value(answer.scores)
    judged = events.columns((EVENT_ID, BATCH_DATE)).with_columns(
        score=pl.Series(answer.scores, dtype=pl.Float64),
        probability=pl.Series(calibration.probability(answer.scores)).fill_nan(None),
        p_value=pl.Series(p_values, dtype=pl.Float64),
        q_value=pl.Series(q_values(p_values), dtype=pl.Float64),
        predicted=answer.predicted,
    )
    return with_intervals(judged, calibration)


def _fallback_scores(unscored: Unscored, footing: Footing, answer: Answer) -> pl.Series:
    """What the fallback says beside the answer, of the same features; null where it cannot."""
    if answer.source == "fallback":
        return pl.Series(answer.scores, dtype=pl.Float64)
    try:
        beside, _ = climb(unscored, footing.beside)
    except ModelError:
        return pl.repeat(None, unscored.features.rows, dtype=pl.Float64, eager=True)
    return pl.Series(beside.scores, dtype=pl.Float64)


def _write(
    run: Run, events: Events, decided: pl.DataFrame, answer: Answer, explaining: Explaining
) -> Ref[Scores]:
    """Write the scores batch by batch, the reasons of alerts among them."""
    uri = table_uri("scores", run.pipeline, "scores", run.batch)
    told = decided.lazy().with_columns(
        score_source=pl.lit(answer.source),
        model_version=pl.lit(answer.version),
    )
    reasons = pl.lit([], DTYPE).alias(REASONS)
    names = events.table.select(events.names).collect_schema()
    schema = pl.Schema({**names, **told.select(pl.all(), reasons).collect_schema()})
    with run.open_table(Scores, schema, uri) as table:
        for start, batch in events.batches():
            named = batch.select(events.names).collect()
            judged = told.slice(start, named.height).collect()
            table.add(named.hstack(explaining.add(batch, judged)))
    if table.ref is None:
        raise RuntimeError("the table of scores was not finished")
    return table.ref


def _without_power(decision: DecisionConfig, decided: pl.DataFrame, answer: Answer) -> str:
    """Why a decision by q-values can find nothing; other decisions do not rest on them."""
    if not isinstance(decision, FalseDiscoveryDecision):
        return ""
    positives = float(decided["probability"].sum())
    negatives = len(answer.member.calibration.negatives)
    return lack_of_power(negatives, decided.height, positives, decision.level)
