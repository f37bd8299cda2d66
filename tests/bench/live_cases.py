"""Data sets as they come in, a drop a date, for `nights_live`."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from flows.demo.layout import lay_out_retail
from flows.pipeline import SHIPPED, load
from flows.yaml_file import read_yaml
from tasks.core.store import Store

WAITING = "waiting"  # the drops that have not come yet, beside those that have
REPORTED_WITHIN_DAYS = 7


@dataclass
class Case:
    """A data set as it comes in.

    Args:
        file: the pipeline file, in a folder of its own.
        first: the first night that is scored.
        nights: how many open dates are.
        delay: until a label is known.
        retrain: the age that asks for a training.
        trial: how long a challenger is judged before another training is due.
        days: dates with a drop, in order.
    """

    file: Path
    first: dt.date
    nights: int
    delay: dt.timedelta
    retrain: str
    trial: str
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
    case = Case(file, dt.date(2011, 6, 20), nights, dt.timedelta(days=30), "21d", "14d", days)
    return _ready(case, config)


def cards(data: Path, folder: Path, nights: int, share: float) -> Case:
    """The handbook's payments of a share of the customers, with frauds reported later."""
    begins = dt.date(2018, 5, 15), dt.date(2018, 7, 25)
    return _cards(data, folder, nights, share, begins, ("14d", "14d"))


def young(data: Path, folder: Path, nights: int, share: float) -> Case:
    """The same from the first payment on: a model as soon as there are labels, older ones later."""
    begins = dt.date(2018, 4, 1), dt.date(2018, 4, 20)
    return _cards(data, folder, nights, share, begins, ("21d", "90d"))


def _cards(
    data: Path,
    folder: Path,
    nights: int,
    share: float,
    begins: tuple[dt.date, dt.date],
    due: tuple[str, str],
) -> Case:
    """Payments and reports from a date on; nights from a second one on."""
    paid = pl.read_parquet(data / "handbook" / "transactions.parquet").filter(
        pl.col("TX_DATETIME") >= begins[0],
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
    return _ready(Case(file, begins[1], nights, delay, *due, days), config)


def _ready(case: Case, config: dict[str, object]) -> Case:
    """Ask for a training by age, and take the drops away that have not come yet."""
    config["monitoring"] = {
        "retrain": {"age": case.retrain, "drift": {}, "decay": {}, "trial": case.trial}
    }
    case.file.write_text(yaml.safe_dump(config, sort_keys=False))
    waiting = case.file.parent / WAITING
    waiting.mkdir()
    for day in case.days:
        if day >= case.first:
            (case.file.parent / "drops" / str(day)).rename(waiting / str(day))
    return case


CASES = {"retail": retail, "cards": cards, "young": young}
