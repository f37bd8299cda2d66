"""The contract of the tables that tell of a training: what it learned, chose and reached."""

from __future__ import annotations

import polars as pl

from tasks.report.columns import MODEL_VERSION, POINTS, RUN_ID, Column, Table

PREPARATION = Table(
    "preparation",
    "each treatment of a column",
    "as they were applied",
    (
        Column(
            "step",
            pl.String(),
            "`types`, `outliers`, `categories`, `missing` or `scaling`.",
            "missing",
        ),
        Column("column", pl.String(), "The column, or the columns, treated.", "UnitPrice"),
        Column("method", pl.String(), "How: the rule's method, and its action.", "median"),
        Column(
            "learned",
            pl.String(),
            "What training learned, in words; no category and no text of the data.",
            "2.1",
        ),
        Column("rows", pl.Int64(), "Rows of the run's dates it was applied to.", "1512", "rows"),
        Column(
            "touched",
            pl.Int64(),
            "Rows it changed, marked or set aside; of a conversion, rows it could not read.",
            "12",
            "rows",
        ),
        Column(
            "share",
            pl.Float64(),
            "Touched rows of all; none without rows.",
            "0.008",
            "0 to 1",
            nullable=True,
        ),
        MODEL_VERSION,
        RUN_ID,
    ),
)

FEATURES_SELECTED = Table(
    "features_selected",
    "each candidate feature",
    "strongest first, ties by name",
    (
        Column("feature", pl.String(), "The candidate.", "quantity_mean_7d"),
        Column(
            "importance",
            pl.Float64(),
            "What the method measures of its group, total gain by default, "
            "as a share of all candidates'.",
            "0.041",
            "0 to 1",
        ),
        Column(
            "threshold",
            pl.Float64(),
            "What that had to exceed: how far chance alone comes, at the level of the test.",
            "0.003",
            "0 to 1",
        ),
        Column("hits", pl.Int32(), "Rounds of chance whose luckiest it exceeded.", "20", "rounds"),
        Column("rounds", pl.Int32(), "Rounds that were played.", "20", "rounds"),
        Column(
            "permutation",
            pl.Float64(),
            "Loss that shuffling its group adds on held-out time; none if not measured.",
            "0.0021",
            "nats a row",
            nullable=True,
        ),
        Column(
            "shap",
            pl.Float64(),
            "Mean absolute Shapley value on held-out time; none if not measured.",
            "0.12",
            "log-odds",
            nullable=True,
        ),
        Column(
            "stability",
            pl.Float64(),
            "Share of the folds of the past in which its group beat every shadow; "
            "none if not measured.",
            "0.75",
            "0 to 1",
            nullable=True,
        ),
        Column(
            "group",
            pl.String(),
            "The feature that represents its group of correlated ones; itself where it is alone.",
            "quantity_mean_14d",
        ),
        Column("selected", pl.Boolean(), "Whether the model uses it.", "true"),
        Column(
            "reason",
            pl.String(),
            "Why, in words.",
            "beats shuffled labels; represented by quantity_mean_14d",
        ),
        Column("method", pl.String(), "How features were chosen.", "null_importance"),
        MODEL_VERSION,
        RUN_ID,
    ),
)

MODEL_METRICS = Table(
    "model_metrics",
    "each model, split and metric; a curve is one row with its points as lists",
    "as measured: metrics, then curves",
    (
        Column("model", pl.String(), "The kind of model.", "tabm"),
        Column("split", pl.String(), "The rows it was measured on.", "test"),
        Column("metric", pl.String(), "The measure, or the curve.", "average_precision"),
        Column("value", pl.Float64(), "Its value; none for a curve.", "0.41", nullable=True),
        Column(
            "low", pl.Float64(), "Lower end of its 95% bootstrap interval.", "0.37", nullable=True
        ),
        Column(
            "high", pl.Float64(), "Upper end of its 95% bootstrap interval.", "0.45", nullable=True
        ),
        Column(
            "rows", pl.Int64(), "Rows measured; none for a curve.", "20412", "rows", nullable=True
        ),
        Column(
            "x", POINTS, "A curve's x values; none for a measure.", "[0.0, 0.01, …]", nullable=True
        ),
        Column(
            "y", POINTS, "A curve's y values; none for a measure.", "[1.0, 0.98, …]", nullable=True
        ),
        MODEL_VERSION,
        RUN_ID,
    ),
)

TRIALS = Table(
    "trials",
    "each configuration that a tuning tried",
    "by number",
    (
        Column("number", pl.Int32(), "The trial, from 0.", "3"),
        Column("model", pl.String(), "The kind of model.", "tabm"),
        Column(
            "settings",
            pl.String(),
            "JSON: what was chosen of the space; all else is the kind's default.",
            '{"layers":2,"learning_rate":0.0031}',
        ),
        Column(
            "part",
            pl.String(),
            "What judged it: `stop`, the part by which training stops, or inner `folds`.",
            "stop",
        ),
        Column(
            "value",
            pl.Float64(),
            "Its stop metric there, average precision of two classes; none where it failed.",
            "0.41",
            nullable=True,
        ),
        Column("state", pl.String(), "`done`, `pruned` or `failed`.", "done"),
        Column("epochs", pl.Int32(), "Epochs, or trees, that were trained.", "12"),
        Column("reason", pl.String(), "Why it ended.", "all 12 epochs"),
        Column("chosen", pl.Boolean(), "Whether the model was trained with it.", "true"),
        MODEL_VERSION,
        RUN_ID,
    ),
)
