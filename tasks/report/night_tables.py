"""The contract of the tables that account for a run: rows held back, checks, sums, costs."""

from __future__ import annotations

import polars as pl

from tasks.report.columns import REJECTED, RUN_ID, STAGES, UTC, VERSIONS, Column, Table

QUARANTINE = Table(
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
        RUN_ID,
    ),
)

DATA_QUALITY = Table(
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
        RUN_ID,
    ),
)

LEDGER = Table(
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
        RUN_ID,
    ),
)


RUNS = Table(
    "runs",
    "each run; the only table with times, so the only one that differs when a night is repeated",
    "one row a file",
    (
        RUN_ID,
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
        Column(
            "warnings",
            pl.List(pl.String()),
            "What a reader should know before trusting the run.",
            "[q-values have no power: …]",
        ),
        Column("started_at", UTC, "When it started.", "2010-07-06 03:30:00+00:00"),
        Column("ended_at", UTC, "When its tables were written.", "2010-07-06 03:30:21+00:00"),
        Column("wall_seconds", pl.Float64(), "Time that passed.", "21.4", "s"),
        Column("cpu_seconds", pl.Float64(), "Time its stages computed.", "30.2", "s"),
        Column("peak_memory_bytes", pl.Int64(), "Largest resident memory.", "812000000", "bytes"),
        Column(
            "bytes_read",
            pl.Int64(),
            "What its stages asked the system for, page cache included and mapped files not; none "
            "where the system does not count.",
            "9120000",
            "bytes",
            nullable=True,
        ),
        Column("bytes_written", pl.Int64(), "Size of the files it wrote.", "1830000", "bytes"),
        Column(
            "stages",
            STAGES,
            "What each stage cost, in order; the memory is the largest so far.",
            "[{ingest, 1.2, 0.9, 410000000, 5210000, 880000}, …]",
            "s, bytes",
        ),
        Column(
            "energy_wh",
            pl.Float64(),
            "An estimate, no measurement: cpu_seconds * watts_per_core / 3600.",
            "0.084",
            "Wh",
        ),
        Column(
            "watts_per_core",
            pl.Float64(),
            "What the estimate assumes a busy core to draw: `monitoring.watts_per_core`.",
            "10",
            "W",
        ),
        Column("rows_in", pl.Int64(), "Rows taken from the sources.", "1514", "rows"),
        Column("rows_quarantined", pl.Int64(), "Rows held back.", "2", "rows"),
        Column("rows_scored", pl.Int64(), "Events scored.", "1391", "rows"),
        Column("alerts", pl.Int64(), "Events that became alerts.", "40", "rows"),
        Column("score_source", pl.String(), "Which model scored.", "champion", nullable=True),
        Column(
            "as_of",
            pl.Boolean(),
            "Whether the champion that the date had was asked for, in place of the one that served "
            "when it was run.",
            "false",
        ),
        Column(
            "model_version", pl.String(), "Version of that model.", "9ad0c1f2e3b4", nullable=True
        ),
        Column("versions", VERSIONS, "Versions it ran with.", "[{polars, 2.1.0}, …]"),
    ),
)
