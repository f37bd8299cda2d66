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
    Column("score", pl.Float64(), "Raw score; higher is more suspicious.", "2.31", "log-odds"),
    Column(
        "probability",
        pl.Float64(),
        "Chance of the label, calibrated on held-out rows.",
        "0.62",
        "0 to 1",
    ),
    Column(
        "p_value",
        pl.Float64(),
        "Share of ordinary held-out events that score at least as high.",
        "0.0012",
        "0 to 1",
        nullable=True,
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
        _REASONS,
        Column(
            "fallback_score",
            pl.Float64(),
            "The XGBoost model's raw score, kept for comparison.",
            "1.74",
            "log-odds",
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
            "from 0.8, 0.5 and 0.2 on, unless configured otherwise.",
            "high",
        ),
        Column("decision_rule", pl.String(), "The rule in words.", "at most 40 alerts a day"),
        Column(
            "decision_threshold",
            pl.Float64(),
            "The lowest score that became an alert on this batch date.",
            "0.94",
            "log-odds",
        ),
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
