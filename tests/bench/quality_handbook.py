"""Card fraud, the Fraud Detection Handbook's prequential folds: the models side by side.

    python -m tests.bench.quality_handbook --data ../shared/data --folds 4

Each fold trains on 7 days, waits 7 days for their labels, and tests on the 7 days after; cards
known to be compromised are removed from the test. Early stopping uses a stratified 15% of the
training days. Choose settings with `--first` before 2018-07-04: the folds from there on judge.

Source: Le Borgne et al. 2022, Reproducible Machine Learning for Credit Card Fraud Detection.
"""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from tasks.models.base import Rows
from tasks.models.config import ModelConfig
from tasks.models.metrics import average_precision, rank_rows, roc_auc
from tasks.models.zoo import MODELS

WINDOWS = (1, 7, 30)
DELAY_DAYS = TRAIN_DAYS = TEST_DAYS = 7
CARDS_A_DAY = 100
FEATURES = (
    "TX_AMOUNT",
    "weekend",
    "night",
    *(f"customer_{kind}_{days}d" for kind in ("count", "mean") for days in WINDOWS),
    *(f"terminal_{kind}_{days}d" for kind in ("count", "risk") for days in WINDOWS),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One model on one fold."""

    auc: float
    average_precision: float
    card_precision: float
    cpu_seconds: float
    wall_seconds: float


def features(transactions: pl.DataFrame) -> pl.DataFrame:
    """The handbook's 15 features; what is known of a terminal's frauds is 7 days old."""
    ordered = transactions.sort("TX_DATETIME", "TRANSACTION_ID").with_columns(
        weekend=(pl.col("TX_DATETIME").dt.weekday() >= 6).cast(pl.Float32),
        night=(pl.col("TX_DATETIME").dt.hour() <= 6).cast(pl.Float32),
        one=pl.lit(1.0),
    )
    customer = []
    for days in WINDOWS:
        count = _rolling("one", days, "CUSTOMER_ID")
        amount = _rolling("TX_AMOUNT", days, "CUSTOMER_ID")
        customer += [
            count.alias(f"customer_count_{days}d"),
            (amount / count).alias(f"customer_mean_{days}d"),
        ]
    ordered = ordered.with_columns(customer)
    terminal = []
    for days in WINDOWS:
        count, frauds = (
            _rolling(c, DELAY_DAYS + days, "TERMINAL_ID") - _rolling(c, DELAY_DAYS, "TERMINAL_ID")
            for c in ("one", "TX_FRAUD")
        )
        terminal += [
            count.alias(f"terminal_count_{days}d"),
            (frauds / count).fill_nan(0).alias(f"terminal_risk_{days}d"),
        ]
    return ordered.with_columns(terminal)


def fold(table: pl.DataFrame, first: dt.date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Training rows and test rows of the fold that starts on a date."""
    day = pl.col("TX_DATETIME").dt.date()
    train = table.filter(day >= first, day < first + dt.timedelta(days=TRAIN_DAYS))
    known = set(train.filter(pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"])
    tests = []
    for after in range(TEST_DAYS):
        learned = first + dt.timedelta(days=TRAIN_DAYS + after - 1)
        known |= set(table.filter(day == learned, pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"])
        tested = table.filter(day == learned + dt.timedelta(days=DELAY_DAYS + 1))
        tests.append(tested.filter(~pl.col("CUSTOMER_ID").is_in(sorted(known))))
    return train, pl.concat(tests)


def card_precision(test: pl.DataFrame, scores: np.ndarray) -> float:
    """Share of compromised cards among the 100 most suspicious of a day, each reported once."""
    marked = test.with_columns(pl.Series("score", scores), day=pl.col("TX_DATETIME").dt.date())
    reported: set[int] = set()
    shares = []
    for day in marked["day"].unique().sort():
        cards = (
            marked.filter(pl.col("day") == day, ~pl.col("CUSTOMER_ID").is_in(sorted(reported)))
            .group_by("CUSTOMER_ID")
            .agg(pl.col("score").max(), pl.col("TX_FRAUD").max())
            .sort("score", "CUSTOMER_ID", descending=[True, False])
            .head(CARDS_A_DAY)
        )
        found = cards.filter(pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"]
        shares.append(len(found) / CARDS_A_DAY)
        reported |= set(found)
    return float(np.mean(shares))


def measure(config: ModelConfig, train: pl.DataFrame, test: pl.DataFrame, seed: int) -> Figures:
    """Train on one fold and measure on its test days."""
    labels, table = train["TX_FRAUD"].to_numpy(), _matrix(train)
    stop = np.zeros(len(labels), bool)
    generator = np.random.default_rng(seed)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        stop[generator.choice(rows, int(0.15 * len(rows)), replace=False)] = True
    parts = [Rows(table[part], labels[part].astype(np.float32)) for part in (~stop, stop)]
    cpu, wall = time.process_time(), time.perf_counter()
    scorer = MODELS[config.kind].fit(config, *parts, seed).scorer
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    scores = scorer.score(_matrix(test))
    ranking = rank_rows(test["TX_FRAUD"].to_numpy(), scores)
    cards = card_precision(test, scores)
    return Figures(roc_auc(ranking), average_precision(ranking), cards, cpu, wall)


def main() -> None:
    arguments = _arguments()
    path = arguments.data / "handbook" / "transactions.parquet"
    firsts = [arguments.first - dt.timedelta(days=7 * k) for k in range(arguments.folds)]
    earliest = min(firsts) - dt.timedelta(days=45)
    recent = pl.scan_parquet(path).filter(pl.col("TX_DATETIME").dt.date() >= earliest)
    table = features(recent.collect())
    folds = [fold(table, first) for first in firsts]
    print("| model | AUC | AP | CP@100 | CPU s a fold | wall s a fold |")
    print("|---|---|---|---|---|---|")
    for config in _configs(arguments.models):
        found = [measure(config, *rows, seed) for rows in folds for seed in range(arguments.seeds)]
        means = np.mean([[getattr(f, name) for name in Figures.__slots__] for f in found], axis=0)
        changed = config.model_dump(exclude_defaults=True, exclude={"kind", "threads"})
        settings = ", ".join(f"{key} {value}" for key, value in changed.items())
        figures = " | ".join(f"{v:.4f}" for v in means[:3]) + f" | {means[3]:.1f} | {means[4]:.1f}"
        print(f"| {config.kind} {settings} | {figures} |", flush=True)


def _rolling(column: str, days: int, entity: str) -> pl.Expr:
    rolled = pl.col(column).cast(pl.Float64).rolling_sum_by("TX_DATETIME", window_size=f"{days}d")
    return rolled.over(entity)


def _matrix(table: pl.DataFrame) -> np.ndarray:
    return np.ascontiguousarray(table.select(pl.col(FEATURES).cast(pl.Float32)).to_numpy())


def _configs(models: list[str]) -> Iterator[ModelConfig]:
    """`tabm` or `tabm,epochs=10,embedding=4`."""
    for text in models:
        kind, *settings = text.split(",")
        content = {"kind": kind, "threads": 1, **dict(s.split("=") for s in settings)}
        yield TypeAdapter(ModelConfig).validate_python(content)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with handbook/")
    parser.add_argument("--first", type=dt.date.fromisoformat, default=dt.date(2018, 7, 25))
    parser.add_argument("--folds", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=["tabm", "mlp", "xgboost"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
