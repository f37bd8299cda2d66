"""The contract of the tables of scored events: `scores` and `alerts`."""

from __future__ import annotations

import polars as pl

from tasks.report.columns import MODEL_VERSION, REASONS, RUN_ID, Column, Table

_SCORED = (
    Column("event_id", pl.String(), "The key as one string.", "513102|21232|3"),
    Column(
        "event_time",
        pl.Datetime("us"),
        "When the event happened, in the pipeline's timezone.",
        "2010-07-05 11:42:00",
        nullable=True,
    ),
    Column("rank", pl.Int32(), "Place by score within the batch date; 1 is the highest.", "1"),
    Column(
        "score",
        pl.Float64(),
        "Raw score; higher is more suspicious. Where labels are values, the predicted one.",
        "2.31",
        "log-odds, or the unit of the label",
    ),
    Column(
        "probability",
        pl.Float64(),
        "Chance of the label, calibrated on held-out rows; none where the pipeline has no label.",
        "0.62",
        "0 to 1",
        nullable=True,
    ),
    Column(
        "p_value",
        pl.Float64(),
        "Share of ordinary held-out events (of all, without a label) that score at least as high.",
        "0.0012",
        "0 to 1",
        nullable=True,
    ),
    Column(
        "q_value",
        pl.Float64(),
        "Smallest false-discovery rate at which the event would be an alert on its batch date.",
        "0.07",
        "0 to 1",
        nullable=True,
    ),
    Column(
        "predicted",
        pl.String(),
        "The likeliest class; none where the label is of no classes.",
        "neptune.",
        nullable=True,
    ),
    *(
        Column(
            f"interval_{end}",
            pl.Float64(),
            f"{told} end of the interval around the predicted value; none where labels are no "
            "values, or the calibration part has too few rows to tell.",
            example,
            "the unit of the label",
            nullable=True,
        )
        for end, told, example in (("low", "Lower", "3.0"), ("high", "Upper", "41.5"))
    ),
    Column(
        "interval_level",
        pl.Float64(),
        "Share of true values that such intervals hold; none where labels are no values.",
        "0.9",
        "0 to 1",
        nullable=True,
    ),
)
_QUEUE = (
    Column(
        "queue",
        pl.String(),
        "Why it is an alert: `rule`, the decision's; `explore`, a slot drawn by lot; none where "
        "it is none.",
        "rule",
        nullable=True,
    ),
    Column(
        "propensity",
        pl.Float64(),
        "Chance, before any slot was drawn, that the event became an alert.",
        "1.0",
        "0 to 1",
    ),
)
_REASONS = Column(
    "reasons",
    REASONS,
    "The features that moved the score most, strongest first; empty where there was no alert.",
    "[{quantity, 1200.0, 0.83}, …]",
    "value: the feature's; contribution: log-odds",
)
_SCORED_BY = (
    Column(
        "score_source",
        pl.String(),
        "Which model scored: `champion`, `previous` or `fallback`.",
        "champion",
    ),
    MODEL_VERSION,
    RUN_ID,
)

SCORES = Table(
    "scores",
    "each scored event",
    "as the events came, by time and key",
    (
        *_SCORED,
        Column("decision", pl.String(), "`alert` or `pass`.", "alert"),
        *_QUEUE,
        _REASONS,
        Column(
            "fallback_score",
            pl.Float64(),
            "The fallback's raw score, kept for comparison: of XGBoost, or of an isolation forest "
            "where the pipeline has no label.",
            "1.74",
            "log-odds",
            nullable=True,
        ),
        Column(
            "challenger_score",
            pl.Float64(),
            "The challenger's raw score, given in the shadow; none where there is no challenger.",
            "2.08",
            "log-odds",
            nullable=True,
        ),
        Column(
            "challenger_version",
            pl.String(),
            "Version of the challenger.",
            "1f0b77c2a9de",
            nullable=True,
        ),
        *_SCORED_BY,
    ),
    leads_with_event=True,
)

ALERTS = Table(
    "alerts",
    "each event a reviewer should look at",
    "by rank, then event_id",
    (
        Column(
            "alert_id",
            pl.String(),
            "Names the alert; stays the same when its night is run again.",
            "8c0f9b1e77a2d345",
        ),
        *_SCORED,
        Column(
            "severity",
            pl.String(),
            "`critical`, `high`, `medium` or `low`, by probability: "
            "from 0.8, 0.5 and 0.2 on, unless configured otherwise; none where there is none.",
            "high",
            nullable=True,
        ),
        Column("decision_rule", pl.String(), "The rule in words.", "at most 40 alerts a day"),
        Column(
            "decision_threshold",
            pl.Float64(),
            "The lowest score that became an alert on this batch date.",
            "0.94",
            "log-odds",
        ),
        Column(
            "expected_loss",
            pl.Float64(),
            "Probability times the cost of a miss; none where `decision.missed` is not given.",
            "74.4",
            "the currency of the decision",
            nullable=True,
        ),
        *_QUEUE,
        _REASONS,
        Column(
            "reasons_text",
            pl.String(),
            "The reasons in words.",
            "quantity 1,200 is above its usual 1 to 48 (+0.83); …",
        ),
        *_SCORED_BY,
    ),
    leads_with_event=True,
)
