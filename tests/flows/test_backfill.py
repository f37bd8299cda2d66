"""Ranges of dates, what they were worth, and where a table came from."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from flows import afterwards, publishing
from flows.backfill import Backfill, BackfillOptions, backfill
from flows.demo.services import demo_services
from flows.lineage import trace
from flows.monitoring import monitor
from flows.pipeline import Pipeline, load
from flows.training import train
from tasks.core.errors import ConfigError, DataError, SourceMissingError
from tasks.models.aliases import read_aliases
from tasks.models.bundle import version_of
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop

LATER = NIGHT + dt.timedelta(days=1)
KNOWN = dt.date(2010, 2, 25)


def test_a_backfill_goes_on_where_it_was(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    indexed: list[bool] = []

    def refresh(pipeline: Pipeline) -> None:
        night = f"reports/retail/report/batch_date={NIGHT}/report.html"
        indexed.append((shop.store.root / night).is_file())

    monkeypatch.setattr(afterwards, "refresh_index", refresh)
    with demo_services(str(shop.file)):
        shop.run(LATER)
        published = shop.tables("scores")
        done = backfill.fn(str(shop.file), NIGHT - dt.timedelta(days=1), LATER)
    assert [night.batch_date for night in done.nights] == [str(NIGHT)]
    assert done.skipped == (LATER,)
    assert published.items() <= shop.tables("scores").items()
    # After the first night, and once for the whole range.
    assert (indexed, done.warnings) == ([False, True], ())


def test_a_night_published_while_the_page_over_all_nights_waits_is_on_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.run(NIGHT)
    whole = publishing.open_run

    def after_another_night(*args: Any) -> Any:
        monkeypatch.setattr(publishing, "open_run", whole)
        shop.run(LATER)
        return whole(*args)

    monkeypatch.setattr(publishing, "open_run", after_another_night)
    publishing.refresh_index(load(str(shop.file)))
    page = (shop.store.root / "reports/retail/index.html").read_text()
    assert f"batch_date={LATER}" in page


def test_a_forced_backfill_runs_every_open_date_and_changes_nothing(shop: Shop) -> None:
    shop.run(NIGHT)
    before = shop.tables()
    with demo_services(str(shop.file)):
        done = backfill.fn(str(shop.file), NIGHT, NIGHT, BackfillOptions(force=True))
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
    shop.bring_answers()
    shop.run(NIGHT)
    with demo_services(str(shop.file)):
        realised = monitor.fn(str(shop.file), NIGHT.replace(year=NIGHT.year + 15))
    assert realised.overall.known == realised.overall.scored > 0
    tried = [path.stem for path in (shop.store.root / "leases" / "retail").glob("20*.lock")]
    assert max(tried) <= str(NIGHT + dt.timedelta(days=10))


def test_any_order_and_several_at_once_give_the_same_tables(
    shop: Shop, trained_shop: Shop, tmp_path: Path
) -> None:
    ran = {}
    for name, parallel in (("in order", 1), ("at once", 2), ("backwards", 0)):
        own = Shop(tmp_path / name.replace(" ", "-") / "demo")
        shutil.copytree(trained_shop.folder, own.folder)
        if parallel:
            with demo_services(str(own.file)):
                options = BackfillOptions(parallel=parallel)
                done = backfill.fn(str(own.file), NIGHT, LATER, options)
            assert [night.batch_date for night in done.nights] == sorted(
                night.batch_date for night in done.nights
            )
        else:
            for night in reversed(done.nights):
                own.run(dt.date.fromisoformat(night.batch_date))
        ran[name] = own.tables()
    assert len(done.nights) >= 2
    assert ran["in order"] == ran["at once"] == ran["backwards"]
    assert any("/changes/" in path for path in ran["in order"])


def test_a_night_that_fails_leaves_those_that_are_done(shop: Shop) -> None:
    shop.drop(LATER).unlink()
    options = BackfillOptions(parallel=2)
    with demo_services(str(shop.file)), pytest.raises(SourceMissingError, match=str(LATER)):
        backfill.fn(str(shop.file), NIGHT, LATER, options)
    with demo_services(str(shop.file)), pytest.raises(SourceMissingError):
        backfill.fn(str(shop.file), NIGHT, LATER)
    assert (shop.store.root / f"commits/retail/{NIGHT}.json").is_file()
    assert f"batch_date={NIGHT}" in (shop.store.root / "reports/retail/index.html").read_text()


def test_a_night_of_then_has_the_champion_of_then(shop: Shop) -> None:
    first = version_of(read_aliases(shop.store, "retail").champion)
    with demo_services(str(shop.file)):
        train.fn(str(shop.file), NIGHT + dt.timedelta(days=1))
        done = backfill.fn(str(shop.file), NIGHT, NIGHT, BackfillOptions(as_of=True))
        _assert_told(shop, done, as_of=True, told="The champion that this date had was asked for")
        today = backfill.fn(str(shop.file), NIGHT, NIGHT, BackfillOptions(force=True))
        early = TRAINED_BY - dt.timedelta(days=15)
        before = backfill.fn(str(shop.file), early, early, BackfillOptions(as_of=True))
    assert done.nights[0].model_version == first != today.nights[0].model_version
    assert [night.warnings for night in done.nights] == [()]
    _assert_told(shop, before, as_of=True, told=f"no model was trained before {early}")
    _assert_told(shop, before, as_of=True, told="Scored in hindsight: the model was fitted on")


def _assert_told(shop: Shop, done: Backfill, as_of: bool, told: str) -> None:
    """Whether page and tables of a night say by which champion it was scored."""
    (night,) = done.nights
    file = shop.store.root / f"reports/retail/runs/batch_date={night.batch_date}/night.parquet"
    (row,) = pl.read_parquet(file).to_dicts()
    assert row["as_of"] == as_of
    assert list(row["warnings"]) == list(night.warnings)
    assert told in (shop.store.root / night.report).read_text().replace("&#39;", "'")


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
