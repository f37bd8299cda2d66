"""Card fraud, the Fraud Detection Handbook's prequential folds: the models side by side.

    python -m tests.bench.quality_handbook --data ../shared/data
    python -m tests.bench.quality_handbook --data ../shared/data --features book

`--features ours` are the families of a pipeline file, selected within each fold's training days
(`--all` leaves the selection out); `book` are the handbook's own fifteen. Each fold trains on 7
days, waits 7 days for their labels, and tests on the 7 days after; cards known to be compromised
are removed from the test. Early stopping uses a stratified 15% of the training days.

The book's four folds train from 2018-07-25, 08-01, 08-08 and 08-15 on, as by default. Where the
data end on 2018-08-31, the last has three test days instead of seven; `--first 2018-08-08 --folds
3` are the whole ones. Choose settings with `--first` before 2018-07-04: those tests end before
07-25.

Source: Le Borgne et al. 2022, Reproducible Machine Learning for Credit Card Fraud Detection.
"""

from __future__ import annotations

import argparse
import datetime as dt
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import TypeAdapter

from tasks.core.event import EventConfig
from tasks.features.build import build
from tasks.features.config import FeaturesConfig
from tasks.models.base import Conditions, Rows
from tasks.models.config import ModelConfig
from tasks.models.metrics import average_precision, rank_rows, roc_auc
from tasks.models.privacy import Privacy
from tasks.models.zoo import MODELS
from tasks.select.config import SelectionConfig
from tasks.select.select import select
from tasks.train.cards import card_precision

OURS = FeaturesConfig.model_validate(
    [
        {"family": "columns", "columns": ["TX_AMOUNT"]},
        {"family": "calendar", "parts": ["hour", "weekday", "weekend", "minute_of_day"]},
        {
            "family": "history",
            "entity": "CUSTOMER_ID",
            "windows": ["1d", "7d", "30d"],
            "values": {"amount": "TX_AMOUNT"},
            "statistics": ["count", "mean", "std", "max", "ratio", "zscore", "since_last"],
            "distinct": ["TERMINAL_ID"],
            "velocity": True,
        },
        {
            "family": "history",
            "entity": "TERMINAL_ID",
            "windows": ["1d", "7d", "30d"],
            "values": {"amount": "TX_AMOUNT"},
            "statistics": ["count", "mean", "max", "ratio", "zscore", "since_last"],
            "distinct": ["CUSTOMER_ID"],
            "velocity": True,
        },
        {
            "family": "risk",
            "entity": "TERMINAL_ID",
            "where": "TX_FRAUD = 1",
            "delay": "7d",
            "windows": ["1d", "3d", "7d", "14d", "21d", "30d"],
        },
        {
            "family": "history",
            "entity": "TERMINAL_ID",
            "where": "TX_FRAUD = 1",
            "name": "fraud",
            "delay": "7d",
            "windows": ["1d", "3d", "7d", "14d", "21d", "30d"],
            "values": {"amount": "TX_AMOUNT"},
            "statistics": ["count", "mean"],
        },
        {
            "family": "history",
            "entity": ["CUSTOMER_ID", "TERMINAL_ID"],
            "windows": ["30d"],
            "statistics": ["count", "since_last"],
        },
    ]
)
EVENT = EventConfig(
    table="transactions",
    key=("TRANSACTION_ID",),
    time="TX_DATETIME",
    entities=("CUSTOMER_ID", "TERMINAL_ID"),
)
WINDOWS = (1, 7, 30)
DELAY_DAYS = TRAIN_DAYS = TEST_DAYS = 7
CARDS_A_DAY = 100
BOOK = (
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


@dataclass(frozen=True, slots=True)
class Fold:
    """Training rows, test rows, and the features a model sees of them."""

    train: pl.DataFrame
    test: pl.DataFrame
    features: tuple[str, ...]


def our_features(transactions: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Features of the product's own families, with their names; all strictly before an event."""
    rows = transactions.sort("TX_DATETIME", "TRANSACTION_ID").with_columns(
        batch_date=pl.col("TX_DATETIME").dt.date()
    )
    built = build(OURS, EVENT, rows, pl.repeat(True, rows.height, eager=True), {})
    return rows.drop(set(rows.columns) & set(built.columns)).hstack(built), tuple(built.columns)


def book_features(transactions: pl.DataFrame) -> pl.DataFrame:
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


def fold(table: pl.DataFrame, first: dt.date, names: tuple[str, ...], choose: bool) -> Fold:
    """The fold that starts on a date, with the features of that name or those selected of them."""
    day = pl.col("TX_DATETIME").dt.date()
    train = table.filter(day >= first, day < first + dt.timedelta(days=TRAIN_DAYS))
    known = set(train.filter(pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"])
    tests = []
    for after in range(TEST_DAYS):
        learned = first + dt.timedelta(days=TRAIN_DAYS + after - 1)
        known |= set(table.filter(day == learned, pl.col("TX_FRAUD") == 1)["CUSTOMER_ID"])
        tested = table.filter(day == learned + dt.timedelta(days=DELAY_DAYS + 1))
        tests.append(tested.filter(~pl.col("CUSTOMER_ID").is_in(sorted(known))))
    return Fold(train, pl.concat(tests), selected(train, names) if choose else names)


def selected(train: pl.DataFrame, names: tuple[str, ...]) -> tuple[str, ...]:
    """The features that beat chance on a fold's training days, with the shipped defaults."""
    times = train["TX_DATETIME"].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy()
    labels = train["TX_FRAUD"].to_numpy()
    return select(_matrix(train, names), labels, names, SelectionConfig(), times).features


def parts(fold: Fold, seed: int) -> tuple[Rows, Rows]:
    """The training days without a stratified 15% of them, and these, by which training stops."""
    labels, table = fold.train["TX_FRAUD"].to_numpy(), _matrix(fold.train, fold.features)
    stop = np.zeros(len(labels), bool)
    generator = np.random.default_rng(seed)
    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        stop[generator.choice(rows, int(0.15 * len(rows)), replace=False)] = True
    fit, held = (Rows(table[part], labels[part].astype(np.float32)) for part in (~stop, stop))
    return fit, held


def measure(config: ModelConfig, fold: Fold, seed: int, epsilon: float | None = None) -> Figures:
    """Train on one fold, with a budget of differential privacy or none, and measure it."""
    fit, stop = parts(fold, seed)
    test = fold.test
    cpu, wall = time.process_time(), time.perf_counter()
    privacy = Privacy(epsilon, 1e-6, 1.0, f"{seed:032}".encode()) if epsilon else None
    conditions = Conditions(seed, privacy=privacy)
    scorer = MODELS[config.kind].fit(config, fit, stop, conditions).scorer
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    scores = scorer.score(_matrix(test, fold.features))
    labels, days = test["TX_FRAUD"].to_numpy(), test["TX_DATETIME"].dt.date().to_numpy()
    ranking = rank_rows(labels, scores)
    cards = float(card_precision(scores, labels, days, test["CUSTOMER_ID"], CARDS_A_DAY).mean())
    return Figures(roc_auc(ranking), average_precision(ranking), cards, cpu, wall)


def main() -> None:
    arguments = _arguments()
    path = arguments.data / "handbook" / "transactions.parquet"
    firsts = [arguments.first - dt.timedelta(days=7 * k) for k in range(arguments.folds)]
    earliest = min(firsts) - dt.timedelta(days=45)
    recent = pl.scan_parquet(path).filter(pl.col("TX_DATETIME").dt.date() >= earliest)
    if arguments.features == "book":
        table, names = book_features(recent.collect()), BOOK
    else:
        table, names = our_features(recent.collect())
    choose = arguments.features == "ours" and not arguments.all
    folds = [fold(table, first, names, choose) for first in firsts]
    counts = ", ".join(str(len(each.features)) for each in folds)
    print(f"Features of each fold: {counts} of {len(names)}\n")
    print("| model | AUC | AP | CP@100 | AP of each fold | CPU s a fold | wall s a fold |")
    print("|---|---|---|---|---|---|---|")
    tried = itertools.product(_configs(arguments.models), [None, *arguments.epsilons])
    for config, epsilon in tried:
        found = [
            measure(config, each, seed, epsilon)
            for each in folds
            for seed in range(arguments.seeds)
        ]
        by_fold = np.reshape([f.average_precision for f in found], (len(folds), -1)).mean(axis=1)
        means = np.mean([[getattr(f, name) for name in Figures.__slots__] for f in found], axis=0)
        changed = config.model_dump(exclude_defaults=True, exclude={"kind", "threads"})
        settings = ", ".join(f"{key} {value}" for key, value in changed.items())
        settings += f" epsilon {epsilon:g}" if epsilon else ""
        figures = " | ".join(
            f"{value:.4f} ± {error:.4f}" if arguments.seeds > 1 else f"{value:.4f}"
            for value, error in zip(means, _errors(found, arguments.seeds), strict=False)
        )
        figures += f" | {' '.join(f'{v:.3f}' for v in by_fold)} | {means[3]:.1f} | {means[4]:.1f}"
        print(f"| {config.kind} {settings} | {figures} |", flush=True)


def _errors(found: list[Figures], seeds: int) -> np.ndarray:
    """The standard errors over seeds of what is told, the folds being fixed: AUC, AP, CP@100."""
    rows = [(each.auc, each.average_precision, each.card_precision) for each in found]
    of_seed = np.reshape(rows, (-1, seeds, 3)).mean(axis=0)
    return np.std(of_seed, axis=0, ddof=1 if seeds > 1 else 0) / seeds**0.5


def _rolling(column: str, days: int, entity: str) -> pl.Expr:
    rolled = pl.col(column).cast(pl.Float64).rolling_sum_by("TX_DATETIME", window_size=f"{days}d")
    return rolled.over(entity)


def _matrix(table: pl.DataFrame, names: tuple[str, ...]) -> np.ndarray:
    floats = pl.col(names).cast(pl.Float32).fill_null(float("nan"))
    return np.ascontiguousarray(table.select(floats).to_numpy())


def _configs(models: list[str]) -> Iterator[ModelConfig]:
    """`tabm` or `tabm,epochs=10,embedding=4`."""
    for text in models:
        kind, *settings = text.split(",")
        content = {"kind": kind, **dict(s.split("=") for s in settings)}
        yield TypeAdapter(ModelConfig).validate_python(content)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with handbook/")
    parser.add_argument("--first", type=dt.date.fromisoformat, default=dt.date(2018, 8, 15))
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--features", choices=["ours", "book"], default="ours")
    parser.add_argument("--epsilons", type=float, nargs="*", default=[], help="budgets, delta 1e-6")
    parser.add_argument("--all", action="store_true", help="leave the selection out")
    parser.add_argument("--models", nargs="+", default=["tabm", "mlp", "xgboost"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
