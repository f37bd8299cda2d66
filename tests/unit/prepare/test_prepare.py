"""The stage: which rows it learns from, what it writes, and what becomes of repeated rows."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core import ledger
from tasks.core.artifacts import Parts, Ref, Valid
from tasks.core.batches import in_order
from tasks.core.commit import open_run
from tasks.core.errors import ConfigError, DataError, SchemaDriftError
from tasks.core.event import EventConfig
from tasks.core.results import Divided
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Fill, Learned, Preparation
from tasks.prepare.apply import apply
from tasks.prepare.config import PrepareConfig
from tasks.prepare.task import fit_preparation, prepare

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
FIRST, SECOND = dt.date(2010, 1, 1), dt.date(2010, 1, 2)


def config(**keys: Any) -> PrepareConfig:
    return PrepareConfig.model_validate(keys)


def land(run: Run) -> list[Ref[Valid]]:
    return [
        run.write_table(
            Valid,
            pl.DataFrame(night).with_columns(_source=pl.lit("f"), _line=pl.lit(1, pl.Int64)),
            table_uri("valid", "p", "lines", date),
        )
        for date, night in NIGHTS.items()
    ]


def parts(run: Run, of: dict[str, str], before: dt.datetime | None = None) -> Divided:
    frame = pl.DataFrame({"event_id": list(of), "part": list(of.values())})
    return Divided(
        run.write_table(Parts, frame, table_uri("parts", "p", "parts", "models")), before
    )


def test_nothing_is_learned_where_nothing_is_asked(store: Store, event: EventConfig) -> None:
    with open_run(store, "p", "models", "attempt") as run:
        learned = fit_preparation(run, config(), event, land(run), parts(run, {"1": "fit"}))
    assert learned == Learned()


@pytest.mark.parametrize(
    ("of", "before", "mean"),
    [
        ({"1": "fit"}, None, (2 + 1 + 2 + 7) / 4),
        ({"1": "fit", "4": "test"}, None, (2 + 1 + 2) / 3),
        ({"3": "stop", "4": "calibrate"}, None, 2),
        ({"1": "fit"}, dt.datetime(2010, 1, 2), (2 + 1 + 2) / 3),
        ({"1": "fit", "3": "embargo"}, dt.datetime(2010, 1, 2), 2),
    ],
)
def test_only_rows_of_the_fitted_part_and_no_later_ones_are_learned_from(
    store: Store, event: EventConfig, of: dict[str, str], before: dt.datetime | None, mean: float
) -> None:
    asked = config(missing={"columns": {"x": "mean"}})
    with open_run(store, "p", "models", "attempt") as run:
        learned = fit_preparation(run, asked, event, land(run), parts(run, of, before))
    assert learned.record.treatments == (Fill("x", "mean", mean),)


def test_the_stage_orders_rows_drops_repeats_and_balances(store: Store, event: EventConfig) -> None:
    asked = config(duplicates={"exclude": ["id", "who"]})
    learned = Learned(Preparation((Fill("x", "constant", 0),)))
    with open_run(store, "p", "2010-01-02", "attempt") as run:
        tables = land(run)
        both, own = (FIRST, SECOND), (SECOND, SECOND)
        made = prepare(run, asked, learned, event, tables, both, own)
        table = run.scan(made.table).collect()
        shuffled = prepare(run, asked, learned, event, tables[::-1], both, own)
        alone = prepare(run, asked, learned, event, tables, own, name="alone")
        night = run.scan(alone.table).collect()
    assert table["id"].to_list() == [1, 3, 5, 4]
    assert table["x"].to_list() == [2, 1, 0, 7]
    assert table.columns == ["id", "at", "who", "x", "batch_date"]
    assert table["batch_date"].to_list() == [FIRST, FIRST, SECOND, SECOND]
    (line,) = made.ledger
    assert (line.rows_in, line.rows_out, line.rejected) == (3, 2, {"duplicate key": 1})
    (treated,) = made.treated
    assert (treated.rows, treated.touched) == (2, 1)
    ledger.check_balance(made.ledger)
    assert shuffled.table.sha256 == made.table.sha256
    assert night.equals(table.filter(pl.col("batch_date") == SECOND))
    assert (alone.ledger, alone.treated) == (made.ledger, made.treated)


def test_the_ledger_counts_the_dates_it_is_given(store: Store, event: EventConfig) -> None:
    asked = config(duplicates={"columns": ["x"]})
    with open_run(store, "p", "training", "attempt") as run:
        made = prepare(run, asked, Learned(), event, land(run), (FIRST, SECOND))
    (line,) = made.ledger
    assert (line.rows_in, line.rows_out) == (6, 4)
    assert line.rejected == {"duplicate": 1, "duplicate key": 1}


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        # Of key 1 the first date's row stays: it was scored before the second date came.
        ("first", [(1, 2.0), (3, 1.0), (5, 5.0)]),
        ("last", [(1, 2.0), (3, 1.0), (5, 6.0)]),
    ],
)
def test_the_first_or_the_last_of_a_date_is_kept(
    store: Store, event: EventConfig, keep: str, kept: list[tuple[int, float]]
) -> None:
    nights = {
        FIRST: {"id": [1, 3], "hour": [8, 9], "x": [2.0, 1.0]},
        SECOND: {"id": [5, 5, 1], "hour": [7, 8, 9], "x": [5.0, 6.0, 4.0]},
    }
    with open_run(store, "p", "2010-01-02", "attempt") as run:
        tables = [
            run.write_table(
                Valid,
                pl.DataFrame(night).select(
                    "id",
                    pl.lit(day)
                    .cast(pl.Datetime("us"))
                    .dt.offset_by(pl.col("hour").cast(pl.String) + "h")
                    .alias("at"),
                    "x",
                    who=pl.lit("a"),
                    _source=pl.lit("f"),
                    _line=pl.lit(1, pl.Int64),
                ),
                table_uri("valid", "p", "lines", str(day)),
            )
            for day, night in nights.items()
        ]
        asked = config(duplicates={"columns": ["id"], "keep": keep, "known_ahead": keep == "last"})
        made = prepare(run, asked, Learned(), event, tables, (FIRST, SECOND))
        table = run.scan(made.table).collect()
    assert list(zip(table["id"], table["x"], strict=True)) == kept


EVERY_RULE = {
    "outliers": {
        "numeric": "iqr",
        "columns": {"y": {"method": "zscore", "action": "mark"}, "z": {"method": "mad"}},
        "together": [{"columns": ["x", "y"], "trees": 10}],
    },
    "categories": {"text": {"share": 0.1}},
    "missing": {
        "numeric": {"method": "mean", "indicator": True},
        "text": "mode",
        "columns": {
            "x": {"method": "forward", "by": "who", "within": "3h"},
            "y": {"method": "xgboost", "inputs": ["x", "z"], "rounds": 5},
        },
    },
    "scaling": {"numeric": "standard", "columns": {"z": "quantile_normal"}},
}


def test_the_order_in_which_rows_and_nights_arrive_does_not_matter(
    store: Store, event: EventConfig
) -> None:
    generator = np.random.default_rng(0)

    def gapped(values: list[Any]) -> pl.Series:
        return pl.Series([v if generator.random() < 0.9 else None for v in values])

    nights = {
        day: pl.DataFrame({"id": np.arange(500) + 1000 * day.day}).with_columns(
            at=pl.lit(day).cast(pl.Datetime("us")) + pl.duration(minutes=pl.int_range(500) % 90),
            who=pl.Series(generator.choice(list("abc"), 500)),
            x=gapped(generator.normal(size=500).tolist()),
            y=gapped(generator.normal(size=500).tolist()),
            z=gapped(generator.gamma(1, 2, 500).tolist()),
            t=gapped(generator.choice(list("ppppqqqrrs"), 500).tolist()),
            _source=pl.lit("f"),
            _line=pl.lit(1, pl.Int64),
        )
        for day in (FIRST, SECOND)
    }
    found = []
    for seed in (None, 1, 2):
        with open_run(store, "p", "2010-01-02", f"attempt-{seed}") as run:
            tables = [
                run.write_table(
                    Valid,
                    night if seed is None else night.sample(fraction=1, shuffle=True, seed=seed),
                    table_uri("valid", "p", "lines", str(day)),
                )
                for day, night in list(nights.items())[:: -1 if seed else 1]
            ]
            divided = parts(run, {"1001": "test"})
            learned = fit_preparation(run, config(**EVERY_RULE), event, tables, divided)
            made = prepare(run, config(), learned, event, tables, (FIRST, SECOND))
            found.append((learned, made.table.sha256, made.treated))
    assert found[0] == found[1] == found[2]


def test_no_night_at_all_says_what_to_do(store: Store, event: EventConfig) -> None:
    with open_run(store, "p", "2010-01-02", "a") as run, pytest.raises(DataError, match="Run the"):
        prepare(run, config(), Learned(), event, [], (FIRST, SECOND))


def test_contradictory_rules_are_refused() -> None:
    with pytest.raises(ValidationError, match="not both"):
        config(duplicates={"columns": ["a"], "exclude": ["b"]})
    with pytest.raises(ValidationError, match="`name` of its own"):
        config(outliers={"together": [{"columns": ["x"]}, {"columns": ["y"]}]})


def test_a_column_that_training_treated_and_tonight_lacks_is_named(event: EventConfig) -> None:
    learned = Learned(Preparation((Fill("price", "constant", 1.0),)))
    with pytest.raises(SchemaDriftError, match="price"):
        apply(pl.LazyFrame({"id": [1]}), learned, event)


def test_a_column_of_the_name_of_an_indicator_is_refused(event: EventConfig) -> None:
    learned = Learned(Preparation((Fill("x", "none", None, indicator=True),)))
    rows = pl.LazyFrame({"x": [1.0], "x_missing": [True]})
    with pytest.raises(ConfigError, match="x_missing"):
        apply(rows, learned, event)


@pytest.mark.parametrize(
    "values",
    [
        pl.Series("v", [[2, 1], [1], None, [1, 3]]),
        pl.Series("v", [[2, 1], [1, 3], None, [1, 0]], pl.Array(pl.Int16, 2)),
        pl.Series("v", [[2.0], [float("nan")], None, [1.0]], pl.Array(pl.Float32, 1)),
        pl.Series("v", [{"a": 2}, {"a": 1}, None, {"a": 0}]),
        pl.Series("v", [b"b", b"a", None, b""]),
    ],
)
def test_rows_with_nested_values_have_one_order(event: EventConfig, values: pl.Series) -> None:
    rows = pl.DataFrame({"id": 1, "at": dt.datetime(2010, 1, 1), "v": values, "batch_date": FIRST})
    ordered = in_order(rows.lazy(), event).collect()
    assert ordered["v"][-1] is None
    for places in ([3, 2, 1, 0], [1, 3, 0, 2]):
        assert in_order(rows[places].lazy(), event).collect().equals(ordered)


def test_no_rule_by_type_treats_the_label(store: Store, event: EventConfig) -> None:
    rules = config(outliers={"numeric": "zscore"}, scaling={"numeric": "standard"})
    with open_run(store, "p", "models", "a") as run:
        tables = land(run)
        learned = fit_preparation(run, rules, event, tables, parts(run, {"1": "fit"}), "x")
    assert learned.record.treatments == ()
