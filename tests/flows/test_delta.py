"""Delta tables hold what the Parquet tables hold, whatever was killed on the way."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from flows import delta as publication
from flows.cli import cli
from flows.lineage import trace
from flows.pipeline import load
from tasks.core.errors import ConfigError, StoreError
from tasks.report import delta
from tasks.report.contract import TABLES
from tests.flows.conftest import NIGHT, Shop

deltalake = pytest.importorskip("deltalake", reason="the extra lamplighter[delta]")

EARLIER = dt.date(2010, 2, 3)


def _as_delta(shop: Shop) -> None:
    config = yaml.safe_load(shop.file.read_text()) | {"report": {"format": "delta"}}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))


@pytest.fixture(scope="module")
def nights(trained_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after a night before it had Delta tables, and one since."""
    folder = tmp_path_factory.mktemp("delta") / "demo"
    shutil.copytree(trained_shop.folder, folder)
    shop = Shop(folder)
    shop.run(EARLIER)
    _as_delta(shop)
    shop.run(NIGHT)
    return shop


@pytest.fixture
def shop(nights: Shop, tmp_path: Path) -> Shop:
    shutil.copytree(nights.folder, tmp_path / "demo")
    return Shop(tmp_path / "demo")


def folder(shop: Shop, table: str) -> Path:
    return shop.store.root / "delta" / "retail" / table


def public(shop: Shop) -> list[str]:
    return sorted(path.name for path in (shop.store.root / "delta" / "retail").iterdir())


def expected(shop: Shop, table: str) -> pl.DataFrame:
    """The Parquet tables of all dates, with their date."""
    files = sorted((shop.store.root / "reports" / "retail" / table).rglob("*.parquet"))
    return pl.concat(
        [
            pl.read_parquet(file, hive_partitioning=False).with_columns(
                batch_date=pl.lit(file.parent.name.partition("=")[2]).str.to_date()
            )
            for file in files
        ],
        how="diagonal_relaxed",
    )


def differs(shop: Shop, table: str) -> bool:
    found, wanted = pl.read_delta(str(folder(shop, table))), expected(shop, table)
    return sorted(map(str, found.select(wanted.columns).rows())) != sorted(map(str, wanted.rows()))


def test_every_table_has_all_dates_in_the_types_of_the_contract(nights: Shop) -> None:
    tables = [name for name in public(nights) if name != delta.ORIGINS]
    assert tables == sorted(
        {p.parts[-3] for p in nights.store.root.glob("reports/retail/*/*/*.parquet")}
    )
    for table in tables:
        assert not differs(nights, table), table
        schema = pl.read_delta(str(folder(nights, table))).schema
        for column in TABLES[table].columns:
            assert schema[column.name] == column.dtype, f"{table}.{column.name}"
        assert schema["batch_date"] == pl.Date
        fields = deltalake.DeltaTable(folder(nights, table)).schema().fields
        told = {field.name: field.metadata.get("comment") for field in fields}
        assert all(told[column.name] == column.meaning for column in TABLES[table].columns)
        found = deltalake.DeltaTable(folder(nights, table)).to_pyarrow_table()
        assert found.num_rows == expected(nights, table).height


def test_a_date_that_is_run_again_is_written_only_where_it_changed(shop: Shop) -> None:
    before = deltalake.DeltaTable(folder(shop, "scores")).version()
    runs = deltalake.DeltaTable(folder(shop, "runs")).version()
    shop.run(NIGHT)
    assert deltalake.DeltaTable(folder(shop, "scores")).version() == before
    assert deltalake.DeltaTable(folder(shop, "runs")).version() == runs + 1, "the one with times"
    assert publication.roll_forward(load(str(shop.file))) == 0
    assert not differs(shop, "runs")


def test_what_was_not_noted_is_written_again_and_a_lost_table_made_anew(shop: Shop) -> None:
    pipeline = load(str(shop.file))
    (shop.store.root / "delta" / "retail" / delta.ORIGINS).unlink()
    assert publication.roll_forward(pipeline) > 0
    assert not differs(shop, "scores")
    shutil.rmtree(folder(shop, "alerts"))
    assert publication.roll_forward(pipeline) == 2 + 0
    assert not differs(shop, "alerts")


def test_a_pruned_date_goes_from_the_delta_tables(shop: Shop) -> None:
    from click.testing import CliRunner

    told = CliRunner().invoke(cli, ["prune", str(shop.file), "--keep", "1d", "--yes"])
    assert told.exception is None
    assert pl.read_delta(str(folder(shop, "scores")))["batch_date"].unique().to_list() == [NIGHT]
    assert not differs(shop, "scores")


def test_a_damaged_delta_table_stops_no_night_and_is_told_until_it_is_mended(shop: Shop) -> None:
    from click.testing import CliRunner

    later = NIGHT + dt.timedelta(days=1)
    for log in (folder(shop, "alerts") / "_delta_log").glob("*"):
        log.write_bytes(b"damaged")
    night = shop.run(later)
    (warning,) = (each for each in night.warnings if "Delta" in each)
    assert "lamplighter delta retail" in warning
    assert str(folder(shop, "alerts")) in warning
    reports = shop.store.root / "reports/retail"
    (row,) = pl.read_parquet(reports / f"runs/batch_date={later}/night.parquet").to_dicts()
    assert warning in row["warnings"]
    assert "Delta tables were behind" in (shop.store.root / night.report).read_text()
    assert "Delta tables were behind" in (reports / "index.html").read_text()
    found = trace(reports / f"runs/batch_date={later}/night.parquet")
    assert (found["batch_date"], found["table"]) == (str(later), "runs")
    assert not differs(shop, "scores"), "the other tables are brought up"
    status = CliRunner().invoke(cli, ["status", str(shop.file), "--json"])
    assert json.loads(status.output)[0]["delta_behind"] > 0
    again = CliRunner().invoke(cli, ["delta", str(shop.file)])
    assert isinstance(again.exception, StoreError)
    shutil.rmtree(folder(shop, "alerts"))
    assert CliRunner().invoke(cli, ["delta", str(shop.file)]).exception is None
    assert not any(differs(shop, table) for table in ("alerts", "runs"))
    assert publication.behind(load(str(shop.file))) == 0


def test_tables_made_anew_keep_no_old_file(shop: Shop) -> None:
    shop.run(NIGHT)
    before = set(folder(shop, "runs").rglob("*.parquet"))
    publication.renew(load(str(shop.file)))
    table = deltalake.DeltaTable(folder(shop, "runs"))
    left = set(folder(shop, "runs").rglob("*.parquet"))
    assert not before & left
    assert len(left) == len(table.file_uris())
    assert not differs(shop, "runs")


def test_a_delta_table_names_the_files_it_was_made_from(nights: Shop) -> None:
    found = trace(folder(nights, "scores"))
    assert [(each["batch_date"], each["found"]) for each in found["made_from"]] == [
        (str(EARLIER), "as it was"),
        (str(NIGHT), "as it was"),
    ]
    with pytest.raises(ConfigError):
        trace(nights.folder)


def test_without_the_package_nothing_is_begun(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    with pytest.raises(ConfigError, match=r"lamplighter\[delta\]"):
        shop.run(NIGHT + dt.timedelta(days=1))


def test_numbers_and_times_that_delta_lacks_are_widened(tmp_path: Path) -> None:
    rows = pl.LazyFrame(
        {"a": [255], "b": [2**32 - 1], "c": [2**64 - 1], "d": [dt.time(12, 30, 0, 5)]},
        schema={"a": pl.UInt8, "b": pl.UInt32, "c": pl.UInt64, "d": pl.Time},
    )
    delta.overwrite(tmp_path / "t", "ledger", "2010-01-01", rows)
    delta.overwrite(tmp_path / "t", "ledger", "2010-01-02", rows.clear())
    (row,) = pl.read_delta(str(tmp_path / "t")).drop("batch_date").rows()
    assert row[:2] == (255, 2**32 - 1)
    assert int(row[2]) == 2**64 - 1
    assert row[3].startswith("12:30:00.000005")


def test_a_table_that_cannot_take_the_rows_says_what_to_do(tmp_path: Path) -> None:
    delta.overwrite(tmp_path / "t", "ledger", "2010-01-01", pl.LazyFrame({"a": [1]}))
    with pytest.raises(StoreError, match="delete this folder"):
        delta.overwrite(tmp_path / "t", "ledger", "2010-01-02", pl.LazyFrame({"a": [[1]]}))


def test_a_kill_at_any_time_leaves_dates_old_or_new_and_the_next_start_mends_it(shop: Shop) -> None:
    program = (
        "import sys, shutil; from pathlib import Path; from flows.pipeline import load\n"
        "from flows import delta\n"
        "pipeline = load(sys.argv[1]); print('ready', flush=True)\n"
        "delta.roll_forward(pipeline)\n"
    )
    tables = [name for name in public(shop) if name != delta.ORIGINS]
    rows = {table: expected(shop, table)["batch_date"].value_counts() for table in tables}
    for delay in (0.05, 0.12, 0.25):
        shutil.rmtree(shop.store.root / "delta")
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(shop.file)], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.wait()
        for table in filter(lambda name: delta.is_table(folder(shop, name)), tables):
            counts = pl.read_delta(str(folder(shop, table)))["batch_date"].value_counts()
            assert set(counts.rows()) <= set(rows[table].rows()), f"{table} after {delay} s"
        publication.roll_forward(load(str(shop.file)))
        assert not any(differs(shop, table) for table in tables)
