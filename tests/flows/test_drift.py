"""A night on a drop with a column that nobody declared, and the nights after it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import yaml

from flows.landing import landed
from flows.pipeline import load
from flows.summaries import tell_night
from tests.flows.conftest import NIGHT, Shop

SHIPPED_SUITES = Path(__file__).parents[2] / "expectations" / "suites"
NEXT = NIGHT + dt.timedelta(days=1)


def _add_a_column(shop: Shop, day: dt.date) -> None:
    header, *lines = shop.drop(day).read_text().splitlines()
    rows = [f"{header},Coupon", *(f"{line},C{n}" for n, line in enumerate(lines))]
    shop.drop(day).write_text("\n".join(rows) + "\n")


def _let_lines_evolve(shop: Shop) -> None:
    text = shop.file.read_text().replace("path: drops", "drift: evolve\n    path: drops")
    shop.file.write_text(text)
    suite = yaml.safe_load((SHIPPED_SUITES / "retail" / "lines.yaml").read_text())
    about_columns = "expect_table_columns_to_match_ordered_list"
    suite["expectations"] = [e for e in suite["expectations"] if e["type"] != about_columns]
    own = shop.folder / "expectations" / "retail" / "lines.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(yaml.safe_dump(suite))


def _scores(shop: Shop, day: dt.date) -> pl.DataFrame:
    path = shop.store.root / f"reports/retail/scores/batch_date={day}/night.parquet"
    return pl.read_parquet(path, hive_partitioning=False).drop("run_id")


def test_a_new_column_is_taken_along_told_of_and_changes_no_score(shop: Shop) -> None:
    shop.run(NIGHT)
    shop.run(NEXT)
    before = {day: _scores(shop, day) for day in (NIGHT, NEXT)}
    _let_lines_evolve(shop)
    _add_a_column(shop, NIGHT)
    night = shop.run(NIGHT)
    told = "lines has columns that are not declared, taken along as text: Coupon"
    assert night.warnings == (told,)
    page = shop.store.root / night.report
    assert "taken along as text: Coupon" in page.read_text()
    pipeline = load(str(shop.file))
    valid = pipeline.store.scan(landed(pipeline, NIGHT, ["lines"])["lines"]).collect_schema()
    assert valid.names()[-3:] == ["Coupon", "_source", "_line"]
    assert shop.run(NEXT).warnings == ()
    for day, scores in before.items():
        assert _scores(shop, day).equals(scores)


def test_the_terminal_tells_of_checks_that_did_not_hold(shop: Shop, capsys) -> None:  # type: ignore[no-untyped-def]
    header, *lines = shop.drop(NIGHT).read_text().splitlines()
    at = header.split(",").index("UnitPrice")
    rows = [line.split(",") for line in lines[:40]]
    dear = [",".join([*row[:at], "900", *row[at + 1 :]]) for row in rows]
    shop.drop(NIGHT).write_text("\n".join([header, *dear, *lines[40:]]) + "\n")
    night = shop.run(NIGHT)
    assert any("UnitPrice" in check for check in night.checks_failed)
    capsys.readouterr()
    tell_night(night, shop.store.root)
    told = capsys.readouterr().out
    assert f"{len(night.checks_failed)} check" in told
    assert "expect_column_values_to_be_between(UnitPrice), warning: " in told
