"""Nights whose reviewers see the alerts alone, and whose verdicts are the labels."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest
import yaml

from flows.demo.services import demo_services
from flows.monitoring import monitor
from flows.pipeline import load
from flows.training import train
from tasks.core.errors import ConfigError
from tests.flows.conftest import LAST, NIGHT, Shop

KEY = ["InvoiceNo", "StockCode", "line"]
DAYS = [NIGHT + dt.timedelta(days=i) for i in range((LAST - NIGHT).days + 1)]
SHOWN = 20
NOTHING = pl.DataFrame(schema=dict.fromkeys(KEY[:2], pl.String) | {"line": pl.Int32})


@pytest.fixture
def desk(shop: Shop) -> Shop:
    """The shop with a desk of reviewers: a drop of verdicts a day, the first ones empty."""
    config = yaml.safe_load(shop.file.read_text())
    config["sources"]["verdicts"] = {
        "kind": "files",
        "path": "verdicts/{date}.csv",
        "schema": {
            **{"InvoiceNo": "str", "StockCode": "str", "line": "i32"},
            **{"verdict": "str", "said_at": "datetime"},
        },
        "key": [*KEY, "said_at"],
    }
    config["label"] = {
        "kind": "disposition",
        "table": "verdicts",
        "verdict": "verdict",
        "positive": ["bad"],
        "time": "said_at",
        "within": "2d",
    }
    config["decision"] = {"kind": "triage", "per_day": SHOWN, "explore": 0.5}
    config["training"]["window"] = "5d"
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    (shop.folder / "verdicts").mkdir()
    for i in range(-40, 10):
        _say(shop, NIGHT + dt.timedelta(days=i), NOTHING)
    return shop


def _say(shop: Shop, day: dt.date, alerts: pl.DataFrame) -> None:
    """What the desk says on a day of the alerts of the night before: every other line is bad."""
    verdict = pl.when(pl.col("line") % 2 == 1).then(pl.lit("bad")).otherwise(pl.lit("fine"))
    said = alerts.select(*KEY, verdict=verdict, said_at=dt.datetime.combine(day, dt.time(9)))
    said.write_csv(shop.folder / "verdicts" / f"{day}.csv")


def _scores(shop: Shop, day: dt.date) -> pl.DataFrame:
    path = shop.store.root / f"scores/retail/scores/batch_date={day}"
    (file,) = path.glob("*.parquet")
    return pl.read_parquet(file, hive_partitioning=False)


def _alerts(shop: Shop, day: dt.date) -> pl.DataFrame:
    (file,) = (shop.store.root / f"reports/retail/alerts/batch_date={day}").glob("*.parquet")
    return pl.read_parquet(file, hive_partitioning=False)


def _monitor(shop: Shop, day: dt.date) -> Any:
    with demo_services(str(shop.file)):
        return monitor.fn(str(shop.file), day)


def test_verdicts_on_alerts_teach_and_lots_tell_what_was_missed(desk: Shop) -> None:
    for day in DAYS:
        desk.run(day)
        _say(desk, day + dt.timedelta(days=1), _alerts(desk, day))
    scores = _scores(desk, DAYS[0])
    assert scores["propensity"].sum() == pytest.approx(SHOWN)
    assert scores["queue"].value_counts(sort=True).drop_nulls()["count"].to_list() == [10, 10]

    found = _monitor(desk, LAST + dt.timedelta(days=2))
    assert found.exploration is not None
    assert found.exploration.lots == 10 * len(DAYS)
    assert found.exploration.known == found.exploration.lots
    night = found.nights[0]
    assert (night.status, night.alerts, night.recall) == ("realised", SHOWN, None)
    odd = _alerts(desk, DAYS[0]).filter(pl.col("line") % 2 == 1).height
    assert (night.hits, night.precision) == (odd, odd / SHOWN)

    with demo_services(str(desk.file)):
        trained = train.fn(str(desk.file), LAST + dt.timedelta(days=2))
    assert trained.rows == SHOWN * len(DAYS)  # and none that nobody saw
    desk.run(LAST)
    page = (desk.store.root / f"reports/retail/report/batch_date={LAST}/report.html").read_text()
    assert "drawn by lot" in page


def test_the_same_night_draws_the_same_lots(desk: Shop) -> None:
    desk.run(DAYS[0])
    first = _scores(desk, DAYS[0])
    desk.run(DAYS[0])
    assert _scores(desk, DAYS[0]).equals(first)


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ({"table": "reviews"}, "reviews"),
        ({"table": "lines"}, "kind column"),
        ({"on": ["InvoiceNo"]}, "one column for each of event.key"),
    ],
)
def test_verdicts_that_name_no_event_are_refused(
    desk: Shop, label: dict[str, Any], says: str
) -> None:
    config = yaml.safe_load(desk.file.read_text())
    config["label"] |= label
    desk.file.write_text(yaml.safe_dump(config, sort_keys=False))
    with pytest.raises(ConfigError, match=says):
        load(str(desk.file))
