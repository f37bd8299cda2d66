"""What preparation learns, how it is applied, and what becomes of repeated rows."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core import ledger
from tasks.core.artifacts import Preparation, Ref, Treatment, Valid
from tasks.core.commit import Run, open_run
from tasks.core.errors import ConfigError, DataError, SchemaDriftError
from tasks.core.event import EventConfig
from tasks.core.store import Store, table_uri
from tasks.prepare.apply import apply
from tasks.prepare.config import PrepareConfig
from tasks.prepare.fit import fit
from tasks.prepare.task import fit_preparation, prepare

EVENT = EventConfig(table="lines", key=("id",), time="at", entities=("who",))


def config(**keys: Any) -> PrepareConfig:
    return PrepareConfig.model_validate(keys)


def rows(**columns: Any) -> pl.LazyFrame:
    return pl.LazyFrame(columns)


def test_nothing_is_learned_where_nothing_is_asked() -> None:
    assert fit(rows(id=[1], x=[None]), config(), EVENT) == Preparation()


def test_missing_values_are_filled_by_type_by_rule_and_never_in_keys() -> None:
    table = rows(
        id=[1, None, 3, 4],
        who=["a", None, "b", "a"],
        x=[1.0, None, 3.0, 8.0],
        n=[1, 2, 2, None],
        t=["b", "a", None, "a"],
        u=[None, "q", None, "q"],
    )
    asked = config(
        missing={"numeric": "median", "text": "mode", "columns": {"u": {"constant": "?"}}}
    )
    filled = apply(table, fit(table, asked, EVENT)).collect()
    assert filled["id"].null_count() == filled["who"].null_count() == 1
    assert filled["x"].to_list() == [1, 3, 3, 8]
    assert filled["n"].to_list() == [1, 2, 2, 2]
    assert filled["n"].dtype == pl.Int64
    assert filled["t"].to_list() == ["b", "a", "a", "a"]
    assert filled["u"].to_list() == ["?", "q", "?", "q"]


def test_a_mode_with_ties_is_the_smallest_in_any_order() -> None:
    asked = config(missing={"numeric": "mode"})
    for values in ([3, 1, 3, 1], [1, 3, 1, 3]):
        table = rows(id=[1, 2, 3, 4], x=values)
        assert fit(table, asked, EVENT).treatments == (Treatment("x", fill=1),)


def test_an_integer_filled_with_a_fraction_becomes_a_float() -> None:
    table = rows(id=[1, 2, 3], n=[1, 2, None])
    filled = apply(table, fit(table, config(missing={"numeric": "mean"}), EVENT)).collect()
    assert filled["n"].to_list() == [1, 2, 1.5]


def test_outliers_are_clipped_at_what_training_saw() -> None:
    table = rows(id=list(range(101)), x=[float(n) for n in range(101)], y=list(range(101)))
    asked = config(
        outliers=[
            {"method": "quantile", "columns": ["x"], "low": 0.1, "high": 0.9},
            {"method": "iqr", "columns": ["y"], "widen": 0.1},
        ]
    )
    learned = fit(table, asked, EVENT)
    later = rows(id=[1, 2, 3], x=[-5.0, 50.0, 1e9], y=[0, 50, 100])
    clipped = apply(later, learned).collect()
    assert clipped["x"].to_list() == [10, 50, 90]
    assert clipped["y"].to_list() == [20, 50, 80]


def test_a_preparation_survives_json() -> None:
    table = rows(id=[1, 2, 3], x=[1.0, None, 3.0])
    learned = fit(table, config(missing={"numeric": "median"}), EVENT)
    plain = dataclasses.asdict(learned)
    assert Preparation(tuple(Treatment(**t) for t in plain["treatments"])) == learned


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"missing": {"columns": {"z": "mode"}}}, "a column of the event table"),
        ({"missing": {"columns": {"who": "mode"}}}, "keys, times and entities"),
        ({"missing": {"columns": {"t": "median"}}}, "numeric"),
        ({"missing": {"columns": {"t": {"constant": 1.5}}}}, "numeric"),
        ({"outliers": [{"method": "iqr", "columns": ["t"]}]}, "numeric"),
    ],
)
def test_rules_that_fit_no_column_are_refused(keys: dict[str, Any], message: str) -> None:
    table = rows(id=[1], who=["a"], t=["x"])
    with pytest.raises(ConfigError, match=message):
        fit(table, config(**keys), EVENT)


def test_contradictory_rules_are_refused() -> None:
    with pytest.raises(ValidationError, match="not both"):
        config(duplicates={"columns": ["a"], "exclude": ["b"]})
    with pytest.raises(ValidationError, match="one outlier rule"):
        config(outliers=[{"method": "iqr", "columns": ["x", "x"]}])


def test_a_column_that_training_treated_and_tonight_lacks_is_named() -> None:
    with pytest.raises(SchemaDriftError, match="price"):
        apply(rows(id=[1]), Preparation((Treatment("price", fill=1.0),)))


NIGHTS = {
    "2010-01-01": {
        "id": [3, 1, 2],
        "at": [dt.datetime(2010, 1, 1, h) for h in (9, 8, 8)],
        "who": ["a", "b", "c"],
        "x": [1.0, 2.0, 2.0],
    },
    "2010-01-02": {
        "id": [4, 1, 5],
        "at": [dt.datetime(2010, 1, 2, 1), dt.datetime(2010, 1, 1, 8), dt.datetime(2010, 1, 2)],
        "who": ["a", "b", "a"],
        "x": [7.0, 2.0, None],
    },
}


def land(run: Run) -> list[Ref[Valid]]:
    return [
        run.write_table(
            Valid,
            pl.DataFrame(night).with_columns(_source=pl.lit("f"), _line=pl.lit(1, pl.Int64)),
            table_uri("valid", "p", "lines", date),
        )
        for date, night in NIGHTS.items()
    ]


def test_the_stage_orders_rows_drops_repeats_and_balances(store: Store) -> None:
    with open_run(store, "p", "2010-01-02", "attempt") as run:
        tables = land(run)
        asked = config(
            duplicates={"exclude": ["id", "who"]}, missing={"columns": {"x": {"constant": 0}}}
        )
        learned = fit_preparation(run, asked, EVENT, tables[:1])
        made = prepare(run, asked, learned, EVENT, tables)
        table = run.scan(made.table).collect()
        shuffled = prepare(run, asked, learned, EVENT, tables[::-1])
    assert table["id"].to_list() == [1, 3, 5, 4]
    assert table["x"].to_list() == [2, 1, 0, 7]
    assert table.columns == ["id", "at", "who", "x", "batch_date"]
    assert table["batch_date"].to_list() == [dt.date(2010, 1, d) for d in (1, 1, 2, 2)]
    (line,) = made.ledger
    assert (line.rows_in, line.rows_out, line.rejected) == (3, 2, {"duplicate key": 1})
    ledger.check_balance(made.ledger)
    assert shuffled.table.sha256 == made.table.sha256


def test_a_run_that_is_not_of_one_date_counts_all_rows(store: Store) -> None:
    with open_run(store, "p", "training", "attempt") as run:
        made = prepare(run, config(duplicates={"columns": ["x"]}), Preparation(), EVENT, land(run))
    (line,) = made.ledger
    assert (line.rows_in, line.rows_out) == (6, 4)
    assert line.rejected == {"duplicate": 1, "duplicate key": 1}


def test_no_night_at_all_says_what_to_do(store: Store) -> None:
    with open_run(store, "p", "2010-01-02", "a") as run, pytest.raises(DataError, match="Run the"):
        prepare(run, config(), Preparation(), EVENT, [])
