"""Small, realistic nights to report: made by seed, laid in a store as the stages would."""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager

import numpy as np
import polars as pl

from tasks.core.artifacts import Drift, Model, Quality, Quarantined, Ref, Scores
from tasks.core.commit import open_run
from tasks.core.event import EventConfig
from tasks.core.intervals import wilson
from tasks.core.quarantine import SCHEMA as QUARANTINE
from tasks.core.results import Estimate, LedgerLine, Scored, Selection, Verdict
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Carry, Conversion, Fence, Fill, Grouping, Scaling, Treated
from tasks.models.base import Epoch, History
from tasks.models.records import Curve, Metric, PartCount, Trained, TrainingReference, Trial
from tasks.report.columns import REASONS
from tasks.report.contract import TABLES
from tasks.report.records import (
    Histogram,
    Incident,
    NightReport,
    Provenance,
    RunRecord,
    TrainingReport,
)
from tasks.report.trends import NightLine
from tasks.report.worth import Share, Worth
from tasks.task import StageTiming

DAY = "2010-07-05"
EVENT = EventConfig(
    table="lines",
    key=("InvoiceNo", "StockCode", "line"),
    time="InvoiceDate",
    entities=("CustomerID", "StockCode"),
)
FEATURES = (
    "quantity",
    "unit_price",
    "customer_amount_sum_30d",
    "customer_cancelled_share_30d",
    "stock_quantity_mean_7d",
    "price_over_list_price",
    "hour_of_day",
    "days_since_listed",
    "customer_lines_count_7d",
    "weekday",
)
USUAL = {"quantity": (1.0, 48.0), "unit_price": (0.29, 12.75), "hour_of_day": (9.0, 17.0)}
QUALITY: dict[str, pl.DataType] = {
    "table": pl.String(),
    "expectation": pl.String(),
    "columns": pl.String(),
    "severity": pl.String(),
    "blocking": pl.Boolean(),
    "success": pl.Boolean(),
    "observed_value": pl.String(),
    "element_count": pl.Int64(),
    "unexpected_count": pl.Int64(),
    "unexpected_percent": pl.Float64(),
    "notes": pl.String(),
}


def provenance(day: str = DAY, pipeline: str = "retail") -> Provenance:
    return Provenance(
        run_id=f"{pipeline}-{day}-3f9c2b7a10de",
        pipeline=pipeline,
        batch_date=day,
        config_sha256="c0" * 32,
        code_sha256="0d" * 32,
        model_version="9ad0c1f2e3b4",
        inputs={
            f"landed/{pipeline}/lines/batch_date={day}/part-0.parquet": "11" * 32,
            f"landed/{pipeline}/products/batch_date={day}/part-0.parquet": "22" * 32,
        },
        versions={"lamplighter": "0.1.0", "polars": "2.1.0", "python": "3.11.9", "torch": "2.13.0"},
    )


def scores_frame(rows: int = 1512, alerts: int = 40, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    raw = np.sort(generator.normal(-3.6, 1.4, rows) + generator.gamma(0.6, 1.1, rows))[::-1]
    minutes = generator.integers(8 * 60, 18 * 60, rows)
    frame = pl.DataFrame(
        {
            "InvoiceNo": [str(513000 + int(i)) for i in generator.integers(0, 180, rows)],
            "StockCode": [str(int(i)) for i in generator.integers(20000, 24999, rows)],
            "line": np.arange(1, rows + 1, dtype=np.int32),
            "event_time": [dt.datetime(2010, 7, 5) + dt.timedelta(minutes=int(m)) for m in minutes],
            "CustomerID": generator.integers(12000, 18000, rows).astype(np.int32),
            "score": raw.astype(np.float64),
            "probability": 1 / (1 + np.exp(-raw)),
            "p_value": (np.arange(rows) + 1.0) / (rows + 1),
            "q_value": np.full(rows, rows / (rows + 1.0)),
            "queue": ["rule" if place < alerts else None for place in range(rows)],
            "propensity": [float(place < alerts) for place in range(rows)],
            "expected_loss": 12.0 / (1 + np.exp(-raw)),
            "decision": ["alert" if place < alerts else "pass" for place in range(rows)],
            "rank": np.arange(1, rows + 1, dtype=np.int32),
            "fallback_score": raw + generator.normal(0, 0.4, rows),
        }
    )
    reasons = [_reasons(generator) if place < alerts else [] for place in range(rows)]
    return frame.with_columns(
        EVENT.id(),
        pl.lit(dt.date.fromisoformat(DAY)).alias("batch_date"),
        pl.Series("reasons", reasons, REASONS),
        score_source=pl.lit("champion"),
        model_version=pl.lit("9ad0c1f2e3b4"),
        challenger_score=pl.lit(None, pl.Float64),
        challenger_version=pl.lit(None, pl.String),
        predicted=pl.lit(None, pl.String),
        interval_low=pl.lit(None, pl.Float64),
        interval_high=pl.lit(None, pl.Float64),
        interval_level=pl.lit(None, pl.Float64),
    )


EXPECTED = (
    Estimate("expected_precision", 0.31, 0.252, 0.369, 20_412),
    Estimate("expected_recall", 0.55, 0.49, 0.61, 20_412),
    Estimate("expected_alerts_a_day", 40.0, 40.0, 40.0, 20_412),
)


def quality_frame(broken: int = 1) -> pl.DataFrame:
    checks = [
        ("lines", "expect_column_values_to_not_be_null", "InvoiceNo", "critical", True),
        ("lines", "expect_column_values_to_be_between", "UnitPrice", "critical", True),
        ("lines", "expect_column_values_to_match_regex", "StockCode", "warning", False),
        ("lines", "expect_table_row_count_to_be_between", "", "critical", False),
        (
            "lines",
            "expect_compound_columns_to_be_unique",
            "InvoiceNo, StockCode, line",
            "critical",
            True,
        ),
        ("lines", "expect_column_mean_to_be_between", "Quantity", "warning", False),
        ("products", "expect_column_values_to_be_unique", "stock_code", "critical", True),
        ("customers", "expect_column_values_to_be_in_set", "country", "warning", False),
    ]
    rows = [
        {
            "table": table,
            "expectation": kind,
            "columns": columns,
            "severity": severity,
            "blocking": blocking,
            "success": place >= broken + 2 or place < 2,
            "observed_value": "1514" if "row_count" in kind else "12.4" if "mean" in kind else None,
            "element_count": None if "table" in kind else 1514,
            "unexpected_count": None if "table" in kind else (7 if 2 <= place < broken + 2 else 0),
            "unexpected_percent": None
            if "table" in kind
            else (0.46 if 2 <= place < broken + 2 else 0.0),
            "notes": "stock codes have five digits and perhaps letters"
            if "regex" in kind
            else None,
        }
        for place, (table, kind, columns, severity, blocking) in enumerate(checks)
    ]
    return pl.DataFrame(rows, schema=QUALITY)


def quarantine_frame() -> pl.DataFrame:
    rows = [
        (
            "validate",
            "lines",
            "drops/2010-07-05/lines.csv",
            88,
            ["UnitPrice: below 0"],
            '{"UnitPrice":-11.5}',
        ),
        (
            "validate",
            "lines",
            "drops/2010-07-05/lines.csv",
            12,
            ["InvoiceNo: missing"],
            '{"InvoiceNo":null}',
        ),
    ]
    return pl.DataFrame(rows, schema=QUARANTINE, orient="row")


LEDGER = (
    LedgerLine("ingest", "lines", 1518, 1516, quarantined=2),
    LedgerLine("ingest", "products", 3684, 3684),
    LedgerLine("ingest", "customers", 4372, 4372),
    LedgerLine("validate", "lines", 1516, 1514, quarantined=2),
    LedgerLine("validate", "products", 3684, 3684),
    LedgerLine("validate", "customers", 4372, 4372),
    LedgerLine("prepare", "lines", 1514, 1513, rejected={"duplicate": 1}),
    LedgerLine("features", "lines", 1513, 1512, rejected={"not an event": 1}),
    LedgerLine("score", "lines", 1512, 1512),
)


TREATED = (
    Treated(Conversion("UnitPrice", "f64"), 1513, 0),
    Treated(Fence("UnitPrice", "iqr", -5.2, 11.9, "mark"), 1513, 31),
    Treated(Grouping("Country", ("France", "United Kingdom"), "(rare)"), 1513, 12),
    Treated(Fill("Description", "mode", "LUNCH BAG OF MRS SECRET", True), 1513, 2),
    Treated(Carry("list_price", "forward", ("StockCode",), 86_400 * 30), 1513, 4),
    Treated(Scaling("UnitPrice", "robust", 2.1, 2.5), 1513, 1513),
)


REALISED: dict[str, object] = {
    "known_by": "2010-08-05",
    "status": "realised",
    "scored": 1512,
    "known": 1512,
    "positives": 24,
    "alerts": 40,
    "known_alerts": 40,
    "hits": 11,
    "promised_hits": 12.3,
    "precision": 0.275,
    "recall": 0.46,
    "average_precision": 0.31,
    "fallback_average_precision": 0.29,
    **{
        f"expected_{name}{end}": value
        for name in ("precision", "recall")
        for end, value in (("", 0.31), ("_low", 0.2), ("_high", 0.45))
    },
}


def changes_frame() -> pl.DataFrame:
    """Forty alerts on both nights, worth more tonight: the data moved, and the cut with them."""
    moved = {
        "alerts": {"data": 17.0, "threshold": -17.0},
        "expected_hits": {"data": 3.4, "threshold": -2.1},
    }
    rows = [
        {
            "measure": measure,
            "part": part,
            "value": parts.get(part, 0.0),
            "changed": part in parts,
            "detail": "1,512 events after 1,402" if part == "data" else "the same",
            "before": 40.0,
            "after": 40.0 + sum(parts.values()),
            "compared_with": "2010-07-02",
        }
        for measure, parts in moved.items()
        for part in ("data", "features", "model", "threshold", "together")
    ]
    return pl.DataFrame(rows)


def drift_frame() -> pl.DataFrame:
    """How far the night is from the training: one feature drifted strongly, one a little."""
    found = {
        "quantity": ("strong", 0.41),
        "unit_price": ("moderate", 0.16),
        "weekday": ("usual", 1.9),
        "score": ("stable", 0.02),
    }
    rows = [
        {
            "name": name,
            "kind": "score" if name == "score" else "feature",
            "verdict": verdict,
            "reason": f"{psi:.2f} ({psi * 0.8:.2f} to {psi * 1.2:.2f})",
            "psi": psi,
            "psi_low": psi * 0.8,
            "psi_high": psi * 1.2,
            "psi_usual": 2.1 if name == "weekday" else 0.04,
            "distance": psi / 2,
            "distance_measure": "jensen_shannon" if name == "weekday" else "wasserstein",
            "ks": psi / 3,
            "median": 12.0,
            "median_training": 8.0,
            "missing_share": 0.01,
            "missing_share_training": 0.0,
            "rows": 1512,
        }
        for name, (verdict, psi) in found.items()
    ]
    columns = TABLES["drift"].columns
    return pl.DataFrame(rows, schema={column.name: column.dtype for column in columns[:16]})


def selection() -> Selection:
    strengths = [64.2, 41.7, 38.0, 22.5, 17.1, 9.8, 6.2, 4.4, 2.9, 0.7]
    return Selection(
        "shadow",
        tuple(
            Verdict(
                feature,
                strength,
                3.1,
                20 if strength > 3.1 else 3,
                20,
                strength > 3.1,
                "beat every shadow" if strength > 3.1 else "beat its shadows in 3 of 20 rounds",
            )
            for feature, strength in zip(FEATURES, strengths, strict=True)
        ),
    )


def metrics() -> tuple[Metric, ...]:
    figures = {
        "average_precision": (0.412, 0.371),
        "roc_auc": (0.873, 0.861),
        "base_rate": (0.021, 0.021),
        "brier": (0.0171, 0.0176),
        "log_loss": (0.0712, 0.0738),
        "precision_at_40_a_day": (0.31, 0.28),
        "recall_at_40_a_day": (0.55, 0.51),
    }
    return tuple(
        Metric(
            model, "test", metric, pair[place], pair[place] * 0.9, min(pair[place] * 1.1, 1), 20412
        )
        for place, model in enumerate(("tabm", "xgboost"))
        for metric, pair in figures.items()
    )


def curves() -> tuple[Curve, ...]:
    recall = np.linspace(0.005, 1, 120)
    found = []
    for model, bend in (("tabm", 2.6), ("xgboost", 2.2)):
        precision = np.maximum(0.021, (1 - recall**0.9) ** (4.4 / bend))
        chance = np.linspace(0, 0.3, 10)
        for kind, x, y in (
            ("precision_recall", recall, precision),
            ("roc", recall**bend, recall),
            ("calibration", chance, chance * (1.1 if model == "tabm" else 0.85)),
        ):
            found.append(Curve(model, "test", kind, tuple(map(float, x)), tuple(map(float, y))))
    return tuple(found)


def history() -> History:
    epochs = range(1, 19)
    return History(
        tuple(
            Epoch(n, 0.2 * n**-0.4, 0.42 * (1 - np.exp(-n / 3)) - 0.0012 * max(0, n - 10))
            for n in epochs
        ),
        12,
        "six epochs without improvement",
    )


def training_scores() -> Histogram:
    edges = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    return Histogram(
        edges, (600.0, 800.0, 2500.0, 4100.0, 5000.0, 4300.0, 1800.0, 800.0, 400.0, 112.0)
    )


def night(
    run: Run, scored: pl.DataFrame | None = None, broken: int = 1, **changes: object
) -> NightReport:
    """A night whose tables are written through the run."""
    frame = scores_frame() if scored is None else scored
    table = run.write_table(Scores, frame, table_uri("scores", run.pipeline, "scores", run.batch))
    quality = run.write_table(
        Quality,
        quality_frame(broken),
        table_uri("quality", run.pipeline, "data_quality", run.batch),
    )
    held = run.write_table(
        Quarantined,
        quarantine_frame(),
        table_uri("quarantine", run.pipeline, "lines", run.batch, "validate.parquet"),
    )
    drift = run.write_table(
        Drift, drift_frame(), table_uri("drift", run.pipeline, "drift", run.batch)
    )
    given: dict[str, object] = {
        "provenance": provenance(run.batch),
        "event": EVENT,
        "scored": Scored(table, LEDGER[-1:], "champion", "9ad0c1f2e3b4", expected=EXPECTED),
        "quality": quality,
        "quarantine": (held,),
        "ledger": LEDGER,
        "selection": selection(),
        "rule": "at most 40 alerts a day",
        "metrics": metrics(),
        "curves": curves(),
        "training_scores": training_scores(),
        "usual": USUAL,
        "treated": TREATED,
        "drift": drift,
    }
    return NightReport(**(given | changes))  # type: ignore[arg-type]


def trials() -> tuple[Trial, ...]:
    return (
        Trial(0, "tabm", '{"width":64}', "stop", 0.39, "done", 18, "six epochs", True),
        Trial(1, "mlp", '{"width":32}', "stop", None, "failed", 1, "the loss was NaN", False),
    )


def training() -> TrainingReport:
    reference = TrainingReference(
        "2010-03-08",
        "2010-06-05",
        "2010-07-05",
        "retail-2010-07-05-aa",
        0,
        "c0" * 32,
        "0d" * 32,
        "0.1.0",
    )
    manifest: Ref[Model] = Ref("models/retail/9ad0c1f2e3b4/model.json", "9a" * 32, 0, "model")
    trained = Trained(
        manifest,
        (manifest,),
        "9ad0c1f2e3b4",
        reference,
        (
            PartCount("fit", 81_000, 1_730),
            PartCount("stop", 13_500, 270),
            PartCount("calibrate", 13_500, 291),
            PartCount("test", 20_412, 428),
        ),
        metrics(),
        curves(),
        history(),
    )
    return TrainingReport(provenance(), trained, selection(), LEDGER[6:8], (), TREATED)


def incident(quality: Ref[Quality] | None = None) -> Incident:
    return Incident(
        provenance(),
        "validate",
        "ValidationFailedError",
        "data that meet every critical expectation",
        "lines: 212 of 1,514 rows would be held back (14.0%), above the 5% allowed\n"
        "lines: UnitPrice is a string",
        "lines",
        "Mend the source and run the date again; or, if the data are right, mend the suite.",
        quality,
        (*LEDGER[:3], LedgerLine("validate", "lines", 1516, 0, rejected={"the gate closed": 1516})),
    )


def run_record(day: str = DAY) -> RunRecord:
    start = dt.datetime(2010, 7, 6, 3, 30, tzinfo=dt.UTC)
    stages = (
        StageTiming("ingest", 1.2, 0.9, 410_000_000, 5_210_000, 880_000),
        StageTiming("score", 3.4, 6.1, 812_000_000, 2_100_000, 410_000),
    )
    return RunRecord(
        provenance(day),
        "night",
        "done",
        start,
        start + dt.timedelta(seconds=21.4),
        stages,
        rows_in=9574,
        rows_quarantined=4,
        rows_scored=1512,
        alerts=40,
        score_source="champion",
    )


def lines() -> list[NightLine]:
    """Two weeks of nights; one is degraded, one has a broken check."""
    generator = np.random.default_rng(3)
    days = [dt.date(2010, 6, 27) + dt.timedelta(days=i) for i in range(14)]
    return [
        NightLine(
            batch_date=str(day),
            rows_in=int(generator.integers(2500, 4000)),
            quarantined=int(generator.integers(0, 9)),
            scored=int(generator.integers(1100, 1900)),
            alerts=40,
            expected_hits=float(generator.uniform(8, 16)),
            checks=31,
            broken=int(place == 3),
            score_source="fallback" if place == 7 else "champion",
            model_version="9ad0c1f2e3b4",
            reason="the champion timed out" if place == 7 else "",
            warnings=("Far from its training: 30% of the features drifted strongly",),
            precision=worth(place, 40),
            recall=worth(place, 24),
            drifted=0.05 * (place % 4),
        )
        for place, day in enumerate(days)
    ]


def worth(place: int, rows: int) -> Worth:
    """Of fourteen nights the last four are not judged yet."""
    share = 0.2 + 0.02 * (place % 5)
    realised = Share(share, *wilson(share, rows)) if place < 10 else None
    return Worth(realised, Share(0.25, 0.1, 0.4), is_partial=place == 9)


def open_night(store: Store, day: str = DAY, attempt: str = "one") -> AbstractContextManager[Run]:
    return open_run(store, "retail", day, attempt)


def _reasons(generator: np.random.Generator) -> list[dict[str, object]]:
    chosen = generator.permutation(len(FEATURES))[:5]
    sizes = np.sort(generator.gamma(1.2, 0.5, 5))[::-1]
    return [
        {
            "feature": FEATURES[place],
            "value": None
            if generator.random() < 0.05
            else float(np.round(generator.gamma(1.4, 40), 1)),
            "contribution": float(size if generator.random() < 0.8 else -size),
        }
        for place, size in zip(chosen, sizes, strict=True)
    ]
