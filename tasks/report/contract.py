"""The public contract of the tables: every column's name, type, unit and meaning.

What is declared here is what users' programs are written against. Whoever changes a name, a type
or a nullability raises `VERSION`; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

VERSION = "2"

REASONS = pl.List(
    pl.Struct({"feature": pl.String(), "value": pl.Float64(), "contribution": pl.Float64()})
)
REJECTED = pl.List(pl.Struct({"reason": pl.String(), "rows": pl.Int64()}))
STAGES = pl.List(
    pl.Struct({"stage": pl.String(), "wall_seconds": pl.Float64(), "cpu_seconds": pl.Float64()})
)
VERSIONS = pl.List(pl.Struct({"package": pl.String(), "version": pl.String()}))
POINTS = pl.List(pl.Float64())
UTC = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a public table.

    Args:
        name: its name.
        dtype: its type, nested ones included.
        meaning: what it says, in one sentence.
        example: a value as a reader would see it.
        unit: the unit of its values, if they have one.
        nullable: whether a value may be missing.
    """

    name: str
    dtype: pl.DataType
    meaning: str
    example: str
    unit: str = ""
    nullable: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One public table.

    Args:
        name: its name, also of its folder.
        one_row_for: what a row stands for.
        order: how the rows are sorted.
        columns: its columns, in order.
        leads_with_event: whether the pipeline's key and entity columns come first, with their
            own names and types.
    """

    name: str
    one_row_for: str
    order: str
    columns: tuple[Column, ...]
    leads_with_event: bool = False


_RUN_ID = Column(
    "run_id",
    pl.String(),
    "The run, named by its content: the same input gives the same name.",
    "retail-2010-07-05-3f9c2b7a10de",
)
_MODEL_VERSION = Column(
    "model_version", pl.String(), "Version of the model that scored.", "9ad0c1f2e3b4"
)
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
    _MODEL_VERSION,
    _RUN_ID,
)

_SCORES = Table(
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

_ALERTS = Table(
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

_QUARANTINE = Table(
    "quarantine",
    "each row held back",
    "by stage, table, source, line",
    (
        Column("stage", pl.String(), "The stage that held it back.", "validate"),
        Column("table", pl.String(), "The table it belongs to.", "lines"),
        Column("source", pl.String(), "File, address or query it came from.", "drops/…/a.csv"),
        Column(
            "line",
            pl.Int64(),
            "Its place in that source.",
            "1083",
            "records, from 1",
            nullable=True,
        ),
        Column("reasons", pl.List(pl.String()), "Every reason.", "[UnitPrice is below 0]"),
        Column("raw", pl.String(), "Its values as a JSON object.", '{"InvoiceNo": "A506401", …}'),
        _RUN_ID,
    ),
)

_DATA_QUALITY = Table(
    "data_quality",
    "each expectation of the run",
    "by table, then as in the suite",
    (
        Column("table", pl.String(), "The table it is about.", "lines"),
        Column(
            "expectation",
            pl.String(),
            "What was expected, by its name in Great Expectations.",
            "expect_column_values_to_be_between",
        ),
        Column(
            "columns",
            pl.String(),
            "The columns it is about, joined by commas; empty where it is about the whole table.",
            "UnitPrice",
        ),
        Column("severity", pl.String(), "`critical`, `warning` or `info`.", "critical"),
        Column("blocking", pl.Boolean(), "Whether rows that break it are held back.", "true"),
        Column("success", pl.Boolean(), "Whether it held.", "true"),
        Column(
            "observed_value",
            pl.String(),
            "The value it measured, where it measures one, or why it could not be checked.",
            "41.2",
            nullable=True,
        ),
        Column("element_count", pl.Int64(), "Rows it looked at.", "1512", "rows", nullable=True),
        Column("unexpected_count", pl.Int64(), "Rows that broke it.", "2", "rows", nullable=True),
        Column(
            "unexpected_percent",
            pl.Float64(),
            "Rows that broke it, of those with a value.",
            "0.13",
            "percent",
            nullable=True,
        ),
        Column(
            "notes", pl.String(), "Why it is expected.", "prices are never negative", nullable=True
        ),
        _RUN_ID,
    ),
)

_LEDGER = Table(
    "ledger",
    "each stage and table",
    "as the stages ran",
    (
        Column("stage", pl.String(), "The stage.", "validate"),
        Column("table", pl.String(), "The table.", "lines"),
        Column("rows_in", pl.Int64(), "Rows it took.", "1514", "rows"),
        Column("rows_out", pl.Int64(), "Rows it passed on.", "1512", "rows"),
        Column("quarantined", pl.Int64(), "Rows it held back.", "2", "rows"),
        Column("rejected", pl.Int64(), "Rows it left out on purpose.", "0", "rows"),
        Column("rejected_reasons", REJECTED, "Those rows by reason.", "[{duplicate, 3}]", "rows"),
        _RUN_ID,
    ),
)

_PREPARATION = Table(
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
        _MODEL_VERSION,
        _RUN_ID,
    ),
)

_FEATURES_SELECTED = Table(
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
        _MODEL_VERSION,
        _RUN_ID,
    ),
)

_MODEL_METRICS = Table(
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
        _MODEL_VERSION,
        _RUN_ID,
    ),
)

_RUNS = Table(
    "runs",
    "each run; the only table with times, so the only one that differs when a night is repeated",
    "one row a file",
    (
        _RUN_ID,
        Column("pipeline", pl.String(), "The pipeline.", "retail"),
        Column("kind", pl.String(), "`night`, `training` or `landing`.", "night"),
        Column("status", pl.String(), "`done` or `stopped`.", "done"),
        Column(
            "reason",
            pl.String(),
            "Why it was stopped, or why a lower rung scored.",
            "",
            nullable=True,
        ),
        Column("started_at", UTC, "When it started.", "2010-07-06 03:30:00+00:00"),
        Column("ended_at", UTC, "When its tables were written.", "2010-07-06 03:30:21+00:00"),
        Column("wall_seconds", pl.Float64(), "Time that passed.", "21.4", "s"),
        Column("cpu_seconds", pl.Float64(), "Time its stages computed.", "30.2", "s"),
        Column("peak_memory_bytes", pl.Int64(), "Largest resident memory.", "812000000", "bytes"),
        Column("bytes_written", pl.Int64(), "Size of the files it wrote.", "1830000", "bytes"),
        Column("stages", STAGES, "What each stage cost, in order.", "[{ingest, 1.2, 0.9}, …]", "s"),
        Column("rows_in", pl.Int64(), "Rows taken from the sources.", "1514", "rows"),
        Column("rows_quarantined", pl.Int64(), "Rows held back.", "2", "rows"),
        Column("rows_scored", pl.Int64(), "Events scored.", "1391", "rows"),
        Column("alerts", pl.Int64(), "Events that became alerts.", "40", "rows"),
        Column("score_source", pl.String(), "Which model scored.", "champion", nullable=True),
        Column(
            "model_version", pl.String(), "Version of that model.", "9ad0c1f2e3b4", nullable=True
        ),
        Column("versions", VERSIONS, "Versions it ran with.", "[{polars, 2.1.0}, …]"),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        _SCORES,
        _ALERTS,
        _QUARANTINE,
        _DATA_QUALITY,
        _LEDGER,
        _PREPARATION,
        _FEATURES_SELECTED,
        _MODEL_METRICS,
        _RUNS,
    )
}
