"""Tables with labels, of many kinds, on which models are compared as they are shipped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from tasks.models.base import Rows, Target
from tests.bench import adbench_sets, quality_credit

Table = tuple[np.ndarray, np.ndarray]

MOST_ROWS = 20_000
SHARES = {"fit": 0.6, "stop": 0.75, "test": 1.0}
_RATE = {
    "frauds, 0.3%": (100_000, 0.003),
    "frauds, 2%": (20_000, 0.02),
    "frauds, 10%": (3_000, 0.1),
}

# Defaults were chosen with an eye on the first, and never on the others.
LOOKED_AT = (
    *("1_ALOI", "2_annthyroid", "6_cardio", "12_fault", "20_letter", "27_PageBlocks"),
    *("40_vowels", "44_Wilt", "frauds, 2%", "frauds, 10%", "sent bytes", "paid"),
)
KEPT_BACK = (
    *("7_Cardiotocography", "8_celeba", "19_landsat", "22_magic.gamma", "24_mnist", "28_pendigits"),
    *("30_satellite", "35_SpamBase", "38_thyroid", "41_Waveform", "47_yeast", "29_Pima", "43_WDBC"),
    *("frauds, 0.3%", "owed"),
)


def read(data: Path, name: str) -> Rows:
    """One table by its name, sampled where it is large."""
    makers: Mapping[str, Callable[[], Table]] = {
        "paid": partial(_credit, data, "PAY_AMT1"),
        "owed": partial(_credit, data, "BILL_AMT1"),
        "sent bytes": partial(_sent_bytes, data),
    }
    if name in _RATE:
        return Rows(*frauds(*_RATE[name], seed=7))
    if name in makers:
        return Rows(*makers[name](), target=Target("value"))
    return Rows(*adbench_sets.read(data / "adbench" / f"{name}.npz", seed=0))


def divide(rows: Rows, seed: int) -> Iterator[Rows]:
    """Rows to fit, to stop and to test on; the classes dealt out evenly."""
    generator = np.random.default_rng(seed)
    place = np.empty(len(rows.labels))
    kinds = rows.labels if rows.target.kind == "binary" else np.zeros(len(place))
    for stratum in (np.flatnonzero(kinds == kind) for kind in np.unique(kinds)):
        place[generator.permutation(stratum)] = np.arange(len(stratum)) / len(stratum)
    low = 0.0
    for high in SHARES.values():
        part = (low <= place) & (place < high)
        yield Rows(rows.table[part], rows.labels[part], target=rows.target)
        low = high


def frauds(rows: int, rate: float, seed: int) -> Table:
    """Payments as a card issuer sees them: heavy tails, counts, gaps, a constant, a drift, noise.

    What is looked for hangs on products of a few columns, and on chance.
    """
    generator = np.random.default_rng(seed)
    time = np.sort(generator.random(rows))
    customers, terminals = max(20, rows // 20), max(20, rows // 50)
    usual = generator.lognormal(3, 1, customers)[generator.integers(0, customers, rows)]
    risk = generator.beta(0.3, 6, terminals)[generator.integers(0, terminals, rows)]
    rare = np.where(generator.random(rows) < 0.001, 100, 1)
    amount = usual * generator.lognormal(0, 0.7, rows) * rare
    hour = generator.normal(14, 5, rows) % 24
    today = generator.poisson(generator.gamma(0.4, 2, rows))
    week = today + generator.poisson(4, rows)
    pause = generator.exponential(1, rows) ** 3
    category = generator.zipf(1.5, rows).clip(1, 500)
    pull = generator.normal(0, 1, 501)[category]
    odds = 2.6 * (np.log(amount / usual) > 1.2) * (hour < 6) + 3.3 * (risk > 0.2)
    odds += 1.1 * np.log1p(today) * (pause < 0.1) + 1.8 * pull * (amount > 50)
    odds += 1.1 * np.sin(6 * time) * (week > 8) + generator.logistic(0, 0.4, rows)
    columns = [
        *(amount, amount / usual, hour, risk * generator.lognormal(0, 0.4, rows), today, week),
        *(pause, category, pull * generator.lognormal(0, 0.5, rows), np.full(rows, 3.0)),
        *(np.exp(generator.normal(0, 4, rows)), *generator.standard_t(2, (6, rows))),
    ]
    known = np.column_stack(columns).astype(np.float32)
    gaps = 0.2 * np.linspace(0, 1, known.shape[1])
    known[generator.random(known.shape) < gaps] = np.nan
    return known, (odds >= np.quantile(odds, 1 - rate)).astype(np.float32)


def _credit(data: Path, column: str) -> Table:
    """What a credit card's customer paid or owed in a month, from all else that is known."""
    rows = quality_credit.read(data)
    at = rows.names.index(column)
    return _sampled(np.delete(rows.table, at, axis=1), rows.table[:, at].copy())


def _sent_bytes(data: Path) -> Table:
    """How many bytes a connection sent, from all other numbers that are known of it."""
    file = data / "kdd99" / "kddcup.data_10_percent.gz"
    table = pl.read_csv(file, has_header=False).unique(maintain_order=True)
    numbers = table.select(pl.col(pl.Int64, pl.Float64).cast(pl.Float32)).to_numpy()
    return _sampled(np.delete(numbers, 1, axis=1), numbers[:, 1].copy())


def _sampled(table: np.ndarray, labels: np.ndarray) -> Table:
    kept = np.random.default_rng(0).permutation(len(labels))[:MOST_ROWS]
    return np.ascontiguousarray(table[kept]), labels[kept]
