"""The scoring stage."""

from __future__ import annotations

import polars as pl

from tasks.core.artifacts import Features, LedgerLine, Ref, Scored, Scores
from tasks.core.batches import BATCH_DATE
from tasks.core.commit import Run
from tasks.core.errors import ModelError
from tasks.core.event import EVENT_ID
from tasks.core.store import table_uri
from tasks.score.asking import Answer
from tasks.score.config import DecisionConfig, FalseDiscoveryDecision, ScoringConfig
from tasks.score.decide import ALERT, decide
from tasks.score.discoveries import lack_of_power, q_values
from tasks.score.expectation import expect
from tasks.score.ladder import ANY, BROKEN, Footing, climb, in_short
from tasks.score.reasons import DTYPE, explain
from tasks.score.stream import Events
from tasks.task import stage

_POSITION = "_position"


@stage("score")
def score(
    run: Run,
    decision: DecisionConfig,
    features: Ref[Features],
    footing: Footing,
    limits: ScoringConfig = ANY,
) -> Scored:
    """Score a night's events, decide, and explain the alerts.

    Args:
        run: the run.
        decision: which events become alerts.
        features: what the footing's preparation made.
        footing: the rungs that may be asked.
        limits: when what they answer is not taken.

    Raises:
        NoScoresError: none of them answered.
    """
    events = Events.of(run.scan(features), features.rows)
    answer, passed = climb(run.store, footing.rungs, events, limits)
    judged = _judge(events, answer).with_columns(
        fallback_score=_fallback_scores(run, footing, events, answer)
    )
    decided = decide(judged, decision).drop(EVENT_ID, BATCH_DATE)
    explained, unexplained = _explained(events, decided, answer)
    ref = _write(run, events, decided, answer, explained)
    line = LedgerLine("score", features.uri.split("/")[2], features.rows, ref.rows)
    member = answer.member
    expected = expect(decision, member.evidence, member.calibration) if member.evidence else ()
    warnings = tuple(filter(None, [unexplained, _without_power(decision, decided, answer)]))
    role = answer.rung.role
    return Scored(ref, (line,), answer.source, answer.version, role, passed, expected, warnings)


def _judge(events: Events, answer: Answer) -> pl.DataFrame:
    calibration = answer.member.calibration
    p_values = calibration.p_value(answer.scores)
    return events.columns((EVENT_ID, BATCH_DATE)).with_columns(
        score=pl.Series(answer.scores, dtype=pl.Float64),
        probability=pl.Series(calibration.probability(answer.scores)).fill_nan(None),
        p_value=pl.Series(p_values, dtype=pl.Float64),
        q_value=pl.Series(q_values(p_values), dtype=pl.Float64),
    )


def _fallback_scores(run: Run, footing: Footing, events: Events, answer: Answer) -> pl.Series:
    """What the fallback says beside the answer, of the same features; null where it cannot."""
    if answer.source == "fallback":
        return pl.Series(answer.scores, dtype=pl.Float64)
    try:
        beside, _ = climb(run.store, footing.beside, events)
    except ModelError:
        return pl.repeat(None, events.rows, dtype=pl.Float64, eager=True)
    return pl.Series(beside.scores, dtype=pl.Float64)


def _write(
    run: Run, events: Events, decided: pl.DataFrame, answer: Answer, explained: pl.DataFrame
) -> Ref[Scores]:
    """Write the scores batch by batch, the reasons of alerts among them."""
    uri = table_uri("scores", run.pipeline, "scores", run.batch)
    told = decided.lazy().with_columns(
        score_source=pl.lit(answer.source),
        model_version=pl.lit(answer.version),
        challenger_score=pl.lit(None, pl.Float64),
        challenger_version=pl.lit(None, pl.String),
    )
    reasons = pl.lit([], DTYPE).alias("reasons")
    names = events.table.select(events.names).collect_schema()
    schema = pl.Schema({**names, **told.select(pl.all(), reasons).collect_schema()})
    with run.open_table(Scores, schema, uri) as table:
        for start, batch in events.batches():
            named = batch.select(events.names).collect()
            judged = told.slice(start, named.height).with_row_index(_POSITION, start).collect()
            judged = judged.join(explained, on=_POSITION, how="left", maintain_order="left")
            judged = judged.with_columns(pl.col("reasons").fill_null([])).drop(_POSITION)
            table.add(named.hstack(judged))
    if table.ref is None:
        raise RuntimeError("the table of scores was not finished")
    return table.ref


def _explained(events: Events, decided: pl.DataFrame, answer: Answer) -> tuple[pl.DataFrame, str]:
    """The reasons of each alert, by the position of its event, and why there are none.

    Scores that were given stand, whatever becomes of their explanation.
    """
    alerts = decided.with_row_index(_POSITION).filter(pl.col("decision") == ALERT)
    failure = ""
    try:
        matrix = events.matrix_at(alerts[_POSITION].cast(pl.Int64).to_numpy(), answer.features)
        scores = alerts["score"].to_numpy()
        reasons = explain(answer.member.scorer, matrix, scores, answer.features)
    except BROKEN as error:
        reasons, failure = [[] for _ in range(alerts.height)], in_short(error)
    lacking = sum(not each for each in reasons)
    told = f"{lacking} of {len(reasons)} alerts have no reasons: " if lacking else ""
    told += failure or ("their contributions do not add up to the score" if lacking else "")
    return alerts.select(_POSITION).with_columns(pl.Series("reasons", reasons, DTYPE)), told


def _without_power(decision: DecisionConfig, decided: pl.DataFrame, answer: Answer) -> str:
    level = decision.level if isinstance(decision, FalseDiscoveryDecision) else None
    positives = float(decided["probability"].sum())
    negatives = len(answer.member.calibration.negatives)
    return lack_of_power(negatives, decided.height, positives, level)
