"""The scoring stage."""

from __future__ import annotations

import polars as pl

from tasks.core.artifacts import Features, LedgerLine, Ref, Scored, Scores
from tasks.core.commit import Run
from tasks.core.errors import ModelError
from tasks.core.event import EVENT_ID
from tasks.core.store import table_uri
from tasks.score.config import DecisionConfig
from tasks.score.decide import ALERT, decide
from tasks.score.ladder import Answer, Footing, climb
from tasks.score.reasons import DTYPE, explain
from tasks.score.stream import Events, as_matrix
from tasks.task import stage

COLUMNS = (
    "score",
    "probability",
    "p_value",
    "decision",
    "rank",
    "reasons",
    "score_source",
    "model_version",
    "fallback_score",
)


@stage("score")
def score(run: Run, decision: DecisionConfig, features: Ref[Features], footing: Footing) -> Scored:
    """Score a night's events, decide, and explain the alerts.

    Args:
        run: the run.
        decision: which events become alerts.
        features: what the footing's preparation made.
        footing: the rungs that may be asked.

    Raises:
        ModelError: none of them answered.
    """
    events = Events.of(run.scan(features), features.rows)
    answer, degraded = climb(run.store, footing.rungs, events)
    scored = _judge(events, answer, _fallback_scores(run, footing, events, answer))
    table = _with_reasons(decide(scored, decision), events, answer)
    uri = table_uri("scores", run.pipeline, "scores", run.batch)
    ref = run.write_table(Scores, table, uri)
    line = LedgerLine("score", features.uri.split("/")[2], features.rows, ref.rows)
    return Scored(ref, (line,), answer.source, answer.version, degraded)


def _judge(events: Events, answer: Answer, fallback: pl.Series) -> pl.DataFrame:
    calibration = answer.member.calibration
    return events.identities().with_columns(
        score=pl.Series(answer.scores, dtype=pl.Float64),
        probability=pl.Series(calibration.probability(answer.scores), dtype=pl.Float64),
        p_value=pl.Series(calibration.p_value(answer.scores), dtype=pl.Float64),
        fallback_score=fallback,
        score_source=pl.lit(answer.source),
        model_version=pl.lit(answer.version),
    )


def _fallback_scores(run: Run, footing: Footing, events: Events, answer: Answer) -> pl.Series:
    """What XGBoost says beside the answer, of the same features; null where it cannot."""
    if answer.source == "fallback":
        return pl.Series(answer.scores, dtype=pl.Float64)
    try:
        beside, _ = climb(run.store, footing.beside, events)
    except ModelError:
        return pl.repeat(None, events.rows, dtype=pl.Float64, eager=True)
    return pl.Series(beside.scores, dtype=pl.Float64)


def _with_reasons(decided: pl.DataFrame, events: Events, answer: Answer) -> pl.DataFrame:
    alerts = decided.filter(pl.col("decision") == ALERT).select(EVENT_ID, "score")
    wanted = events.table.join(alerts.lazy(), on=EVENT_ID, how="inner", maintain_order="right")
    matrix = as_matrix(wanted, answer.features)
    reasons = explain(answer.member.scorer, matrix, alerts["score"].to_numpy(), answer.features)
    found = alerts.select(EVENT_ID).with_columns(pl.Series("reasons", reasons, DTYPE))
    explained = decided.join(found, on=EVENT_ID, how="left", maintain_order="left")
    return explained.with_columns(pl.col("reasons").fill_null([])).select(*events.names, *COLUMNS)
