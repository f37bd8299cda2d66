"""A small shop that was trained once; each test gets a copy of its own."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from flows.demo.layout import lay_out_retail
from flows.demo.services import demo_services
from flows.nightly import nightly
from flows.pipeline import SHIPPED, load
from flows.publishing import Night
from flows.training import train
from tasks.core.store import Store

TRAINED_BY = dt.date(2010, 2, 18)
NIGHT = dt.date(2010, 2, 21)
LAST = dt.date(2010, 2, 25)
ANSWERED = NIGHT + dt.timedelta(days=10)


@dataclass(frozen=True)
class Shop:
    """A demo folder with its pipeline file."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "retail.yaml"

    @property
    def store(self) -> Store:
        return load(str(self.file)).store

    def drop(self, day: dt.date) -> Path:
        return self.folder / "drops" / str(day) / "lines.csv"

    def bring_answers(self) -> None:
        """Drop what came after the last date, until the labels of the night are known."""
        for drop in sorted((self.folder / "later").iterdir()):
            shutil.move(drop, self.folder / "drops" / drop.name)

    def run(self, day: dt.date = NIGHT) -> Night:
        with demo_services(str(self.file)):
            return nightly.fn(str(self.file), day)

    def tables(self, layer: str = "reports") -> dict[str, bytes]:
        """Every published file, by its path, save the times of runs."""
        root = self.store.root
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in sorted((root / layer).rglob("*"))
            if path.is_file() and "/runs/" not in path.as_posix()
        }


def _shrink(file: Path) -> None:
    """Shorten what the pipeline looks back on and trains for, so that a test takes seconds."""
    config = yaml.safe_load(file.read_text())
    config["label"]["within"] = "10d"
    config["features"] = [
        {"family": "columns", "log": ["Quantity", "UnitPrice"]},
        {"family": "calendar", "parts": ["hour", "weekday"]},
        {
            "family": "history",
            "entity": "CustomerID",
            "windows": ["1d", "5d"],
            "statistics": ["count", "since_last"],
        },
        {
            "family": "lookup",
            "table": "products",
            "on": {"StockCode": "stock_code"},
            "columns": ["list_price"],
            "known_from": "listed_at",
        },
    ]
    config["selection"] = {"method": "null_importance", "keep": ["log_Quantity"]}
    config["model"] = {"kind": "tabm", "epochs": 2, "heads": 2, "width": 16, "threads": 1}
    config["training"] = {"window": "12d", "alerts_per_day": 10, "bootstrap_rounds": 20}
    # Labels take nearly as long as the window: an embargo as long would leave nothing.
    config["training"]["split"] = {"kind": "time", "embargo": "0d"}
    config["training"]["promotion"] = {"rule": "always"}
    config["decision"] = {"kind": "budget", "per_day": 10}
    file.write_text(yaml.safe_dump(config, sort_keys=False))


def lay_out_trained(folder: Path) -> Shop:
    """A shop of five weeks, trained by what was known on a date; what answers it comes later."""
    (folder / "later").mkdir(parents=True)
    for day in lay_out_retail(folder, SHIPPED / "retail.yaml"):
        if LAST < day <= ANSWERED:
            shutil.move(folder / "drops" / str(day), folder / "later" / str(day))
        elif not dt.date(2010, 1, 20) <= day <= LAST:
            shutil.rmtree(folder / "drops" / str(day))
    _shrink(folder / "retail.yaml")
    with demo_services(str(folder / "retail.yaml")):
        train.fn(str(folder / "retail.yaml"), TRAINED_BY)
    return Shop(folder)


@pytest.fixture(scope="session")
def trained_shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return lay_out_trained(tmp_path_factory.mktemp("shop") / "demo")


@pytest.fixture
def shop(trained_shop: Shop, tmp_path: Path) -> Shop:
    """The shop after its training, free to be broken."""
    folder = tmp_path / "demo"
    shutil.copytree(trained_shop.folder, folder)
    return Shop(folder)
