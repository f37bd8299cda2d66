"""The contract of the tables that watch nights: drift, changes, and what came of them."""

from __future__ import annotations

import polars as pl

from tasks.report.columns import MODEL_VERSION, RUN_ID, Column, Table

DRIFT = Table(
    "drift",
    "each feature of the model, and one for the score",
    "the gravest verdict first, then the largest `psi`, then by name",
    (
        Column("name", pl.String(), "The feature, or `score`.", "quantity_mean_7d"),
        Column("kind", pl.String(), "`feature` or `score`.", "feature"),
        Column(
            "verdict",
            pl.String(),
            "`strong`, `moderate`, `usual` (as far as single nights of the training are), "
            "`unclear` (too few rows to tell) or `stable`.",
            "moderate",
        ),
        Column("reason", pl.String(), "Why, in words.", "0.18 (0.13 to 0.24), at least 0.1; …"),
        Column(
            "psi",
            pl.Float64(),
            "Population stability index against the training, a missing value being a bin of its "
            "own; none without rows.",
            "0.19",
            "nats",
            nullable=True,
        ),
        Column(
            "psi_low",
            pl.Float64(),
            "Lower end of what it would be without sampling noise, at 95% for the whole table.",
            "0.13",
            "nats",
            nullable=True,
        ),
        Column("psi_high", pl.Float64(), "Upper end of the same.", "0.24", "nats", nullable=True),
        Column(
            "psi_usual",
            pl.Float64(),
            "The farthest that a single night of the training was from all of it.",
            "0.04",
            "nats",
        ),
        Column(
            "distance",
            pl.Float64(),
            "How far apart the distributions are, by `distance_measure`; none without values.",
            "0.11",
            nullable=True,
        ),
        Column(
            "distance_measure",
            pl.String(),
            "`wasserstein`: as a share of the span of the training's middle 90%; "
            "`jensen_shannon`: 0 to 1, where training had few values.",
            "wasserstein",
        ),
        Column(
            "ks",
            pl.Float64(),
            "Largest gap between the cumulative shares, at the training's quantiles.",
            "0.14",
            "0 to 1",
            nullable=True,
        ),
        Column("median", pl.Float64(), "Tonight's median.", "12", nullable=True),
        Column("median_training", pl.Float64(), "The training's.", "8", nullable=True),
        Column(
            "missing_share",
            pl.Float64(),
            "Rows without a value tonight; none without rows.",
            "0.02",
            "0 to 1",
            nullable=True,
        ),
        Column(
            "missing_share_training",
            pl.Float64(),
            "Rows without a value in training.",
            "0.01",
            "0 to 1",
            nullable=True,
        ),
        Column("rows", pl.Int64(), "Rows tonight.", "1391", "rows"),
        MODEL_VERSION,
        RUN_ID,
    ),
)

CHANGES = Table(
    "changes",
    "each measure and each part of why it is not what it was the night before",
    "by measure, then by part, in the order below",
    (
        Column(
            "measure",
            pl.String(),
            "`alerts`: their number; `expected_hits`: the sum of their probabilities.",
            "alerts",
        ),
        Column(
            "part",
            pl.String(),
            "`data`: the events; `features`: their definitions and preparation; `model`; "
            "`threshold`: the cut above which a score is an alert; `together`: what could not be "
            "told apart.",
            "threshold",
        ),
        Column(
            "value",
            pl.Float64(),
            "What the measure moved by for it; the parts of a measure add up to `after` less "
            "`before`.",
            "-9.0",
            "alerts",
        ),
        Column("changed", pl.Boolean(), "Whether it is another than the night before.", "true"),
        Column("detail", pl.String(), "How, in words.", "the cut is 1.31 after 0.94"),
        Column("before", pl.Float64(), "The measure the night before.", "40", "alerts"),
        Column("after", pl.Float64(), "The measure tonight.", "40", "alerts"),
        Column("compared_with", pl.String(), "The night before: the last open date.", "2010-07-02"),
        MODEL_VERSION,
        RUN_ID,
    ),
)

_EXPECTED = tuple(
    Column(
        f"expected_{name}{end}",
        pl.Float64(),
        f"{told} {name}, by calibrated probabilities alone: an estimate, made before labels are "
        "there and kept beside them.",
        example,
        "0 to 1",
        nullable=True,
    )
    for name in ("precision", "recall")
    for end, told, example in (
        ("", "Expected", "0.42"),
        ("_low", "Lower end of the 95% interval of", "0.30"),
        ("_high", "Upper end of the 95% interval of", "0.55"),
    )
)
_OF_VALUES = tuple(
    Column(
        name,
        pl.Float64(),
        f"{told} Of the known; none where labels are no values.",
        example,
        unit,
        nullable=True,
    )
    for name, told, example, unit in (
        ("rmse", "Root of the mean squared error.", "12.4", "the unit of the label"),
        ("mae", "Mean absolute error.", "6.1", "the unit of the label"),
        ("r2", "Share of the variance that predictions explain.", "0.42", "at most 1"),
        ("fallback_rmse", "The same error of XGBoost.", "12.9", "the unit of the label"),
        ("coverage", "Share of true values within their intervals.", "0.89", "0 to 1"),
        ("mean_value", "Mean true value.", "21.5", "the unit of the label"),
        ("value_of_alerts", "Mean true value of alerts.", "180.0", "the unit of the label"),
        ("challenger_rmse", "The challenger's error.", "12.1", "the unit of the label"),
    )
)
REALISED = Table(
    "realised",
    "each scored night, as its labels are known",
    "one row a file",
    (
        Column("known_by", pl.String(), "The date by whose end labels were known.", "2010-08-05"),
        Column(
            "status",
            pl.String(),
            "`estimated`: no label is known; `partial`: some are; `realised`: all are.",
            "realised",
        ),
        Column("scored", pl.Int64(), "Events scored.", "1391", "rows"),
        Column("known", pl.Int64(), "Of these, events whose label is known.", "1391", "rows"),
        Column(
            "positives",
            pl.Int64(),
            "Of the known ones, positives; none where labels are values.",
            "24",
            "rows",
            nullable=True,
        ),
        Column("alerts", pl.Int64(), "Alerts.", "40", "rows"),
        Column("known_alerts", pl.Int64(), "Of these, alerts whose label is known.", "40", "rows"),
        Column(
            "hits",
            pl.Int64(),
            "Of these, positives; none where labels are values.",
            "11",
            "rows",
            nullable=True,
        ),
        Column(
            "promised_hits",
            pl.Float64(),
            "What the probabilities of the known alerts add up to; none where labels are values.",
            "12.3",
            "rows",
            nullable=True,
        ),
        Column("precision", pl.Float64(), "Of the known.", "0.28", "0 to 1", nullable=True),
        Column("recall", pl.Float64(), "Of the known.", "0.46", "0 to 1", nullable=True),
        Column("average_precision", pl.Float64(), "Of the known.", "0.31", "0 to 1", nullable=True),
        Column(
            "fallback_average_precision",
            pl.Float64(),
            "Of XGBoost on the same events.",
            "0.29",
            "0 to 1",
            nullable=True,
        ),
        Column(
            "challenger_version",
            pl.String(),
            "The challenger that scored every event beside the champion; none where none did.",
            "1f0b77c2a9de",
            nullable=True,
        ),
        Column(
            "challenger_average_precision",
            pl.Float64(),
            "Of that challenger on the same events.",
            "0.33",
            "0 to 1",
            nullable=True,
        ),
        *_EXPECTED,
        *_OF_VALUES,
        MODEL_VERSION,
        RUN_ID,
    ),
)
