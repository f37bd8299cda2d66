"""Ranges of dates, what they were worth, and where a table came from."""

from __future__ import annotations

import datetime as dt

import pytest

from flows.backfill import backfill
from flows.demo.services import demo_services
from flows.lineage import trace
from flows.monitoring import monitor
from tasks.core.errors import ConfigError, DataError
from tests.flows.conftest import NIGHT, Shop

LATER = NIGHT + dt.timedelta(days=1)
KNOWN = dt.date(2010, 2, 25)


def test_a_backfill_goes_on_where_it_was(shop: Shop) -> None:
    with demo_services(str(shop.file)):
        shop.run(LATER)
        published = shop.tables("scores")
        done = backfill.fn(str(shop.file), NIGHT - dt.timedelta(days=1), LATER)
    assert [night.batch_date for night in done.nights] == [str(NIGHT)]
    assert done.skipped == (LATER,)
    assert published.items() <= shop.tables("scores").items()


def test_a_forced_backfill_runs_every_open_date_and_changes_nothing(shop: Shop) -> None:
    shop.run(NIGHT)
    before = shop.tables()
    with demo_services(str(shop.file)):
        done = backfill.fn(str(shop.file), NIGHT, NIGHT, force=True)
    assert [night.batch_date for night in done.nights] == [str(NIGHT)]
    assert shop.tables() == before


def test_a_range_the_wrong_way_round_is_refused(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="earlier date first"):
        backfill.fn(str(shop.file), LATER, NIGHT)


def test_monitoring_uses_the_labels_known_by_then_and_no_other(shop: Shop) -> None:
    shop.run(NIGHT)
    with demo_services(str(shop.file)):
        early = monitor.fn(str(shop.file), KNOWN)
    assert early.overall.scored > 0
    # The label of an event is known ten days after it; four days later none is.
    assert early.overall.known == 0
    assert early.overall.average_precision is None


def test_monitoring_years_later_looks_no_further_than_the_labels(shop: Shop) -> None:
    shop.run(NIGHT)
    with demo_services(str(shop.file)):
        realised = monitor.fn(str(shop.file), NIGHT.replace(year=NIGHT.year + 15))
    assert realised.overall.known == realised.overall.scored > 0
    tried = [path.stem for path in (shop.store.root / "leases" / "retail").glob("20*.lock")]
    assert max(tried) <= str(NIGHT + dt.timedelta(days=10))


def test_monitoring_without_a_night_says_so(shop: Shop) -> None:
    with demo_services(str(shop.file)), pytest.raises(DataError, match="a scored night"):
        monitor.fn(str(shop.file), KNOWN)


def test_a_table_is_traced_to_the_files_of_its_night(shop: Shop) -> None:
    shop.run(NIGHT)
    table = shop.store.root / f"reports/retail/alerts/batch_date={NIGHT}/night.parquet"
    traced = trace(table)
    assert traced["table"] == "alerts"
    assert traced["batch_date"] == str(NIGHT)
    sources = {each["_source"] for part in traced["inputs"] for each in part["sources"]}
    assert f"drops/{NIGHT}/lines.csv" in sources
    assert "customers" in sources


def test_a_file_that_is_no_table_is_not_traced(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="a Parquet table that Lamplighter published"):
        trace(shop.file)
