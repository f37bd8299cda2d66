"""A first pipeline from data: it loads, its suite passes on the data, and it runs."""

from __future__ import annotations

import datetime as dt
import gzip
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from expectations.check import Surroundings
from flows.cli import cli
from flows.demo.layout import sample
from flows.initialise import Written, initialise
from flows.landing import landed
from flows.pipeline import Pipeline, load
from flows.placing import locate
from tasks.core.errors import ConfigError
from tasks.validate.gate import judge
from tasks.validate.suites import load as load_suite

DAYS = [dt.date(2010, 1, 4) + dt.timedelta(days=n) for n in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11)]


def check(written: Written) -> str:
    result = CliRunner().invoke(cli, ["check", str(written.pipeline)], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def findings(pipeline: Pipeline, table: str, day: dt.date) -> list[str]:
    """What the suite has against one date's landed rows; and that no row was held back."""
    ref = landed(pipeline, day, [table])[table]
    suite = load_suite(pipeline.suites[table], pipeline.config.validation, str(day))
    found = judge(table, pipeline.store.scan(ref), suite, Surroundings(), 0)
    assert found.held == 0
    return [*found.causes, *(r.expectation.where for r in found.results if not r.success)]


@pytest.fixture
def shop(tmp_path: Path) -> list[Path]:
    lines = pl.read_parquet(sample("retail.parquet"))
    files = []
    for day in DAYS:
        drop = tmp_path / "drops" / str(day) / "lines.csv"
        drop.parent.mkdir(parents=True)
        rows = lines.filter(pl.col("InvoiceDate").dt.date() == day)
        rows.write_csv(drop, datetime_format="%Y-%m-%d %H:%M:%S")
        files.append(drop)
    return files


def test_retail_drops_make_a_pipeline_that_checks_and_lands(
    shop: list[Path], tmp_path: Path
) -> None:
    written = initialise(shop, "shop", tmp_path)
    assert "shop is in order" in check(written)
    pipeline = load(str(written.pipeline))
    source = pipeline.config.sources["lines"]
    assert source.path == "drops/{date}/lines.csv"  # type: ignore[union-attr]
    assert written.time == pipeline.config.event.time == "InvoiceDate"
    assert "CustomerID" in pipeline.config.event.entities
    assert set(written.key) <= {"InvoiceNo", "StockCode", "line"}
    assert any("label" in sentence for sentence in written.fill_in)
    assert [member.kind for member in pipeline.config.model.members] == ["tabm", "xgboost"]  # type: ignore[union-attr]
    assert "FILL IN" in written.pipeline.read_text()
    assert [findings(pipeline, "lines", day) for day in DAYS[:4]] == [[]] * 4


def test_headerless_connections_make_a_pipeline_without_a_time(tmp_path: Path) -> None:
    with gzip.open(sample("intrusion.csv.gz"), "rt") as file:
        head = [next(file) for _ in range(3000)]
    drop = tmp_path / "drops" / "1999-03-01" / "connections.csv"
    drop.parent.mkdir(parents=True)
    drop.write_text("".join(head))
    written = initialise([drop], None, tmp_path)
    check(written)
    pipeline = load(str(written.pipeline))
    assert pipeline.config.sources["connections"].header is False  # type: ignore[union-attr]
    assert pipeline.columns("connections")[41] == "column_42"
    assert pipeline.config.event.key == ("_source", "_line")
    assert pipeline.config.event.time is None
    assert pipeline.config.label.column == "column_42"  # type: ignore[union-attr]
    assert findings(pipeline, "connections", dt.date(1999, 3, 1)) == []


def test_one_parquet_file_keeps_its_types(tmp_path: Path) -> None:
    rows = pl.read_parquet(sample("retail.parquet")).head(2000)
    rows = rows.cast({pl.Datetime: pl.Datetime("us")})
    rows.write_parquet(tmp_path / "lines.parquet")
    written = initialise([tmp_path / "lines.parquet"], None, tmp_path)
    check(written)
    pipeline = load(str(written.pipeline))
    assert pipeline.config.sources["lines"].table_schema == dict(rows.schema)
    assert any("no date in lines.parquet" in sentence for sentence in written.fill_in)


def test_what_text_says_decides_its_type(tmp_path: Path) -> None:
    (tmp_path / "2020-01-01.csv").write_bytes(
        "zip;paid;on;at;amount;far;n;Größe;is_fraud;;note\n"
        "00123;true;31/12/2019;2020-01-01T10:00:00Z;1.5;12345678901234567890;NA;x;0;i;a\n"
        "04567;false;01/01/2020;2020-01-01T11:00:00Z;2;12345678901234567891;7;y;1;j;b".encode(
            "cp1252"
        )
    )
    written = initialise([tmp_path / "2020-01-01.csv"], None, tmp_path)
    check(written)
    source = load(str(written.pipeline)).config.sources["events"]
    types = {name: column.type for name, column in source.columns.items()}
    assert types == {
        "zip": "str",
        "paid": "bool",
        "on": "date",
        "at": "datetime",
        "amount": "f64",
        "far": "str",
        "n": "i64",
        "Größe": "str",
        "is_fraud": "i64",
        "note": "str",
    }
    assert source.columns["on"].format == "%d/%m/%Y"
    assert source.columns["at"].timezone == "UTC"
    options = source.model_dump(
        include={"delimiter", "encoding", "nulls", "final_newline", "drift"}
    )
    assert options == {
        "delimiter": ";",
        "encoding": "cp1252",
        "nulls": ("NA",),
        "final_newline": "optional",
        "drift": "ignore",
    }


def test_a_date_without_a_time_becomes_the_time_of_the_event(tmp_path: Path) -> None:
    rows = "".join(f"a{n},2020-01-0{n % 9 + 1},{n / 2}\n" for n in range(40))
    (tmp_path / "sales.csv").write_text("id,day,amount\n" + rows)
    written = initialise([tmp_path / "sales.csv"], None, tmp_path)
    check(written)
    pipeline = load(str(written.pipeline))
    assert pipeline.config.event.time == "day"
    assert findings(pipeline, "sales", dt.date(2020, 1, 1)) == []


def test_weeks_of_events_get_features_of_the_past_and_none_of_the_answer(tmp_path: Path) -> None:
    drops = []
    for n in range(60):
        day = dt.date(2020, 1, 1) + dt.timedelta(days=n)
        rows = [
            f"{day}-{i},{day} {i % 24:02}:00:00,c{(i * 37 + n * 101) % 401},{(i * 53 + n) % 997},"
            f"{('x', 'y')[i % 11 == 3]},"
            f"{('', 'stolen')[i % 11 == 3]},{i % 11 == 3:d}"
            for i in range(60)
        ]
        drops.append(tmp_path / f"pay_{day}.csv")
        drops[-1].write_text("\n".join(["id,at,card,amount,tier,reason,fraud", *rows]) + "\n")
    written = initialise(drops, "pay", tmp_path)
    check(written)
    told = " ".join(written.fill_in)
    assert "tier, reason left out" in told or "reason, tier left out" in told
    config = load(str(written.pipeline)).config
    assert config.label.delay == dt.timedelta(days=7)
    assert config.features.reads_labels
    names = config.features.model_dump_json()
    assert "amount" in names
    assert "reason" not in names


def test_nothing_is_overwritten(shop: list[Path], tmp_path: Path) -> None:
    (tmp_path / "lines.yaml").write_text("mine")
    with pytest.raises(ConfigError, match="nothing is ever overwritten"):
        initialise(shop, None, tmp_path)
    assert (tmp_path / "lines.yaml").read_text() == "mine"
    assert not (tmp_path / "expectations").exists()


@pytest.mark.parametrize(
    ("paths", "pattern", "table"),
    [
        (["d/2020-01-01/sales.csv", "d/2020-01-02/sales.csv"], "d/{date}/sales.csv", "sales"),
        (["orders_20200101.csv.gz"], "orders_{date:%Y%m%d}.csv.gz", "orders"),
        (["in/2020/01/02/A b.csv"], "in/{date:%Y/%m/%d}/A b.csv", "a-b"),
        (["d/2020-01-01/part-1.csv", "d/2020-01-01/part-2.csv"], "d/{date}/*.csv", "d"),
        (["orders.csv"], "orders.csv", "orders"),
    ],
)
def test_the_date_is_found_in_the_path(
    paths: list[str], pattern: str, table: str, tmp_path: Path
) -> None:
    place = locate([tmp_path / path for path in paths], tmp_path)
    assert (place.pattern, place.table) == (pattern, table)


def test_files_outside_the_folder_are_told_with_the_folder_to_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--folder"):
        locate([tmp_path / "a.csv"], tmp_path / "inner")
