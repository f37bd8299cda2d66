"""Nights scored one by one as they come, their labels arriving late: the product from end to end.

    python -m tests.bench.nights_live retail --data ../shared/data
    python -m tests.bench.nights_live cards --data ../shared/data --share 0.25

A night's rows are laid into its drop just before it runs, so nothing later is there to be seen. A
model is trained on the past; then each date runs `nightly`, and `monitor --train` with a rule that
asks for a training every so many days. On one night a byte of the champion's weights is changed.
Retail labels a line by a later cancellation; for cards a fraud is reported by a row of its own one
to seven days later (seeded), which is when a bank hears of it.

Prints a row for each night as it stands at the end: what was expected before any label was known,
with its 95% interval; what it turned out to be; what scored; how far it drifted; what happened.
Then the means, and in how many nights the expected interval holds what turned out.
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from flows.demo.layout import lay_out_retail
from flows.demo.services import demo_services
from flows.monitoring import monitor
from flows.nightly import nightly
from flows.pipeline import SHIPPED, load
from flows.training import train
from flows.yaml_file import read_yaml
from tasks.core.store import Store
from tasks.models.aliases import read_aliases
from tasks.monitor.realised import Quality, Realised

WAITING = "waiting"  # the drops that have not come yet, beside those that have
REPORTED_WITHIN_DAYS = 7
COLUMNS = (
    "night",
    "events",
    "positives",
    "precision expected",
    "realised",
    "recall expected",
    "realised",
    "AP",
    "AP XGBoost",
    "scored by",
    "strong drift",
    "what happened",
)


@dataclass
class Case:
    """A data set as it comes in.

    Args:
        file: the pipeline file, in a folder of its own.
        first: the first night that is scored.
        nights: how many open dates are.
        delay: until a label is known.
        retrain: the age that asks for a training.
        days: dates with a drop, in order.
    """

    file: Path
    first: dt.date
    nights: int
    delay: dt.timedelta
    retrain: str
    days: list[dt.date] = field(default_factory=list)

    @property
    def scored(self) -> list[dt.date]:
        """The dates that are scored."""
        return [day for day in self.days if day >= self.first][: self.nights]

    @property
    def store(self) -> Store:
        """The pipeline's store."""
        return load(str(self.file)).store

    def arrive(self, last: dt.date) -> None:
        """Lay the drops up to a date where the pipeline looks for them."""
        for day in self.days:
            waiting = self.file.parent / WAITING / str(day)
            if day <= last and waiting.is_dir():
                waiting.rename(self.file.parent / "drops" / str(day))


def retail(data: Path, folder: Path, nights: int, share: float) -> Case:
    """The wholesaler's lines of 2011, with the demo's pipeline file."""
    lines = (
        pl.read_parquet(data / "retail" / "invoice_lines.parquet")
        .filter(pl.col("InvoiceDate") >= dt.datetime(2011, 1, 4))
        .with_row_index("position")
        .with_columns(line=pl.col("position").rank("ordinal").over("InvoiceNo").cast(pl.Int32))
        .drop("position")
    )
    days = lay_out_retail(folder, SHIPPED / "retail.yaml", lines)
    file = folder / "retail.yaml"
    config = dict(read_yaml(file).content)
    span = [days[0] + dt.timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)]
    config["calendar"] = {"closed_dates": [str(day) for day in span if day not in days]}
    case = Case(file, dt.date(2011, 6, 20), nights, dt.timedelta(days=30), "21d", days)
    return _ready(case, config)


def cards(data: Path, folder: Path, nights: int, share: float) -> Case:
    """The handbook's payments of a share of the customers, with frauds reported later."""
    paid = pl.read_parquet(data / "handbook" / "transactions.parquet").filter(
        pl.col("TX_DATETIME") >= dt.datetime(2018, 5, 15),
        pl.col("CUSTOMER_ID") % 100 < 100 * share,
    )
    columns = ["TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT"]
    frauds = paid.filter(pl.col("TX_FRAUD") == 1).sort("TRANSACTION_ID")
    generator = np.random.default_rng(0)
    after = generator.uniform(1, REPORTED_WITHIN_DAYS, frauds.height) * 86_400e6
    late = pl.col("TX_DATETIME") + pl.Series(after.astype(np.int64)).cast(pl.Duration("us"))
    rows = pl.concat(
        [
            paid.select(columns).with_columns(kind=pl.lit("payment")),
            frauds.select(columns).with_columns(late, kind=pl.lit("report")),
        ]
    ).sort("TX_DATETIME", "TRANSACTION_ID")
    days = []
    for (day,), drop in rows.group_by(pl.col("TX_DATETIME").dt.date(), maintain_order=True):
        target = folder / "drops" / str(day) / "cards.parquet"
        target.parent.mkdir(parents=True)
        drop.write_parquet(target)
        days.append(day)
    file = folder / "cards.yaml"
    config = dict(read_yaml(Path(__file__).parent / "live_cards.yaml").content)
    delay = dt.timedelta(days=REPORTED_WITHIN_DAYS)
    return _ready(Case(file, dt.date(2018, 7, 25), nights, delay, "14d", days), config)


def _ready(case: Case, config: dict[str, object]) -> Case:
    """Ask for a training by age, and take the drops away that have not come yet."""
    config["monitoring"] = {
        "retrain": {"age": case.retrain, "drift": {}, "decay": {}, "trial": "14d"}
    }
    case.file.write_text(yaml.safe_dump(config, sort_keys=False))
    waiting = case.file.parent / WAITING
    waiting.mkdir()
    for day in case.days:
        if day >= case.first:
            (case.file.parent / "drops" / str(day)).rename(waiting / str(day))
    return case


@dataclass
class Told:
    """What a night and the monitoring after it said.

    Args:
        source: which model scored.
        drift: features with a strong verdict, of all, and the score's verdict.
        events: trainings, promotions and what was damaged.
    """

    source: str
    drift: str
    events: list[str]


def live(case: Case, damaged: int) -> tuple[dict[dt.date, Told], Realised, float]:
    """Run the nights as they come; what each told, how it stands at the end, and CPU seconds."""
    began, told = time.process_time(), {}
    train.fn(str(case.file), case.first - dt.timedelta(days=1))
    for n, day in enumerate(case.scored):
        case.arrive(day)
        with _damage(case, n == damaged) as what:
            night = nightly.fn(str(case.file), day)
        before = dict(read_aliases(case.store, load(str(case.file)).name).versions)
        found = monitor.fn(str(case.file), day, train=True)
        after = dict(read_aliases(case.store, load(str(case.file)).name).versions)
        events = [*what, *(f"training by {reason.rule}" for reason in found.due)]
        events += [
            f"{alias} is {version[:6]}"
            for alias, version in after.items()
            if alias != "previous" and before.get(alias) != version
        ]
        told[day] = Told(night.score_source, _drift(case, day), events)
        print(f"  {day} {night.score_source} {events} {found.challenger}", flush=True)
    last = min(case.days[-1], case.scored[-1] + case.delay)
    case.arrive(last)
    found = monitor.fn(str(case.file), case.scored[-1] + case.delay)
    return told, found, time.process_time() - began


class _damage:  # noqa: N801  # used as a function
    """Change a byte of the champion's weights for the length of a night."""

    def __init__(self, case: Case, asked: bool) -> None:
        champion = read_aliases(case.store, load(str(case.file)).name).champion
        self.file = case.store.path(champion.uri).parent / "model.safetensors"
        self.asked, self.whole = asked, self.file.read_bytes()

    def __enter__(self) -> list[str]:
        if self.asked:
            self.file.write_bytes(self.whole[:-1] + bytes([self.whole[-1] ^ 1]))
        return ["weights damaged"] if self.asked else []

    def __exit__(self, *error: object) -> None:
        self.file.write_bytes(self.whole)


def _drift(case: Case, day: dt.date) -> str:
    uri = f"reports/{load(str(case.file)).name}/drift/batch_date={day}/night.parquet"
    table = pl.read_parquet(case.store.path(uri), hive_partitioning=False)
    features = table.filter(kind="feature")
    strong = features.filter(verdict="strong").height
    score = table.filter(kind="score")["verdict"]
    return f"{strong} of {features.height}; score {score.item() if len(score) else 'not measured'}"


def lines(told: dict[dt.date, Told], nights: Sequence[Quality]) -> Iterator[str]:
    """The nights as rows of a table."""
    yield f"| {' | '.join(COLUMNS)} |"
    yield "|---" * len(COLUMNS) + "|"
    for night in nights:
        each = told[dt.date.fromisoformat(night.batch_date)]
        expected = night.estimate
        cells = [
            night.batch_date,
            f"{night.scored:,}",
            f"{night.positives:,}",
            _interval(expected.precision) if expected else "",
            _figure(night.precision),
            _interval(expected.recall) if expected else "",
            _figure(night.recall),
            _figure(night.average_precision),
            _figure(night.fallback_average_precision),
            each.source,
            each.drift,
            ", ".join(each.events),
        ]
        yield f"| {' | '.join(cells)} |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _interval(found: object) -> str:
    value, low, high = (getattr(found, name) for name in ("value", "low", "high"))
    return "" if value is None else f"{value:.2f} ({low:.2f} to {high:.2f})"


def summary(found: Realised) -> Iterator[str]:
    """The nights together, and how good the estimates were."""
    nights = [night for night in found.nights if night.status == "realised"]
    whole = found.overall
    yield f"{len(nights)} nights, {whole.known:,} events, {whole.positives:,} positives"
    for name, value, ends in (
        ("AP, what scored", whole.average_precision, whole.interval),
        ("AP, XGBoost", whole.fallback_average_precision, whole.fallback_interval),
    ):
        yield f"{name}: {_figure(value)} ({' to '.join(map(_figure, ends or ()))})"
    yield f"AP by chance: {_figure(whole.base_rate)}"
    yield f"precision of the alerts: {_figure(whole.precision)}; recall: {_figure(whole.recall)}"
    yield f"hits {whole.hits:,}, promised {whole.promised:.1f}; of XGBoost {whole.fallback_hits:,}"
    for name in ("precision", "recall"):
        pairs = [
            (getattr(night.estimate, name), getattr(night, name))
            for night in nights
            if night.estimate and getattr(night, name) is not None
        ]
        held = sum(each.low <= value <= each.high for each, value in pairs)
        yield f"expected {name} held what turned out in {held} of {len(pairs)} nights"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(CASES))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--share", type=float, default=1.0, help="of the cards' customers")
    parser.add_argument("--damaged", type=int, default=5, help="on which night, from 0 on")
    parser.add_argument("--folder", type=Path, help="where; default: a folder that goes")
    asked = parser.parse_args()
    folder = asked.folder or Path(tempfile.mkdtemp())
    case = CASES[asked.name](asked.data, folder, asked.nights, asked.share)
    with demo_services(str(case.file)):
        told, found, seconds = live(case, asked.damaged)
    print(*lines(told, found.nights), *summary(found), f"{seconds:.0f} CPU s", sep="\n")
    if asked.folder is None:
        shutil.rmtree(folder)


CASES = {"retail": retail, "cards": cards}

if __name__ == "__main__":
    main()
