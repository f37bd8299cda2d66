"""Cancelled orders, the shipped pipeline trained on several dates: each model forward in time.

    python -m tests.bench.quality_retail

Each training is the pipeline's own, selection and all: by what was known by the end of its date,
with 30 days between the last row that was learned from and the first that judges. The rows that
judge are the last fifth of the others, about two weeks of invoices; what became of them was known
30 days later. `--window` trains on another window than the pipeline file says.
"""

from __future__ import annotations

import argparse
import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from flows.demo.layout import lay_out_retail
from flows.demo.services import demo_services
from flows.pipeline import SHIPPED
from flows.training import Training, train

DATES = ("2010-05-28", "2010-06-22")


def trainings(folder: Path, dates: list[dt.date], window: str | None) -> Iterator[Training]:
    """A training by each date, in a shop of its own."""
    for date in dates:
        shop = folder / str(date)
        lay_out_retail(shop, SHIPPED / "retail.yaml")
        file = shop / "retail.yaml"
        if window:
            config = yaml.safe_load(file.read_text())
            config["training"]["window"] = window
            file.write_text(yaml.safe_dump(config, sort_keys=False))
        with demo_services(str(file)):
            yield train.fn(str(file), date)


def row(date: dt.date, training: Training) -> str:
    """One line of the table."""
    found = {(m.model, m.metric): m for m in training.trained.metrics if m.split == "test"}
    models = list(dict.fromkeys(model for model, _ in found))
    cells = [f"{date}", f"{found[models[0], 'base_rate'].rows:,}"]
    for model in models:
        ranked, rate = found[model, "average_precision"], found[model, "base_rate"].value
        cells.append(f"{model} {ranked.value:.3f} ({ranked.low:.3f} to {ranked.high:.3f})")
    cells.append(f"{rate:.3f}")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--dates", nargs="+", type=dt.date.fromisoformat, default=None)
    parser.add_argument("--window", help="84d, for example")
    arguments = parser.parse_args()
    dates = arguments.dates or [dt.date.fromisoformat(date) for date in DATES]
    print("| known by | rows that judge | AP (95%) | AP (95%) | base rate |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        found = trainings(Path(folder), dates, arguments.window)
        for date, training in zip(dates, found, strict=True):
            print(row(date, training), flush=True)


if __name__ == "__main__":
    main()
