"""Labels by later rows and by a column, and what was known when."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.core.artifacts import Valid
from tasks.core.commit import open_run
from tasks.core.errors import ConfigError, SchemaDriftError
from tasks.core.event import EventConfig
from tasks.core.store import Store, table_uri
from tasks.labels.config import (
    Disposition,
    FollowedBy,
    LabelClass,
    LabelColumn,
    LabelConfig,
    NoLabel,
)
from tasks.labels.label import label
from tasks.labels.task import label_events

EVENT = EventConfig(
    table="lines", key=("id",), time="at", where="NOT starts_with(id, 'C')", entities=("who",)
)
START = dt.datetime(2010, 1, 1)
Row = tuple[str, float, str, str, int]


def lines(*rows: Row) -> pl.LazyFrame:
    """Rows of (id, days since the start, who, what, quantity)."""
    return (
        pl.LazyFrame(rows, orient="row", schema=["id", "day", "who", "what", "quantity"])
        .with_columns(at=pl.lit(START) + pl.duration(hours=pl.col("day") * 24))
        .with_columns(batch_date=pl.col("at").dt.date())
        .drop("day")
    )


def followed_by(**keys: Any) -> FollowedBy:
    return FollowedBy.model_validate(
        {"where": "starts_with(id, 'C')", "same": ["who", "what"], "within": "10d", **keys}
    )


def labels(rows: pl.LazyFrame, config: FollowedBy, day: int = 60) -> dict[str, int]:
    found = label(rows, config, EVENT, (START + dt.timedelta(days=day)).date())
    return dict(found.select("event_id", "label").iter_rows())


def test_an_event_is_positive_if_answered_in_time_by_the_same() -> None:
    rows = lines(
        ("answered", 0, "a", "x", 1),
        ("late", 0, "b", "x", 1),
        ("another", 0, "c", "x", 1),
        ("C1", 10, "a", "x", -1),
        ("C2", 10.5, "b", "x", -1),
        ("C3", 1, "c", "y", -1),
    )
    assert labels(rows, followed_by()) == {"answered": 1, "late": 0, "another": 0}


def test_an_answer_of_the_same_instant_answers_nothing() -> None:
    assert labels(lines(("a", 1, "a", "x", 1), ("C1", 1, "a", "x", -1)), followed_by()) == {"a": 0}


def test_an_answer_marks_the_latest_event_or_any() -> None:
    rows = lines(("a", 0, "a", "x", 1), ("b", 2, "a", "x", 1), ("C1", 3, "a", "x", -1))
    assert labels(rows, followed_by()) == {"a": 0, "b": 1}
    assert labels(rows, followed_by(match="any")) == {"a": 1, "b": 1}


def test_an_answer_that_is_too_large_marks_an_earlier_event() -> None:
    rows = lines(("a", 0, "a", "x", 9), ("b", 2, "a", "x", 1), ("C1", 3, "a", "x", -5))
    assert labels(rows, followed_by(at_most="quantity")) == {"a": 1, "b": 0}


def test_missing_entities_match_nothing() -> None:
    rows = lines(("a", 0, "a", "x", 1), ("C1", 1, "a", "x", -1)).with_columns(
        who=pl.lit(None, pl.String)
    )
    assert labels(rows, followed_by()) == {"a": 0}


def test_a_label_appears_only_once_its_delay_has_passed() -> None:
    rows = lines(("a", 0.5, "a", "x", 1), ("C1", 1, "a", "x", -1), ("b", 1, "b", "x", 1))
    assert labels(rows, followed_by(), day=9) == {}
    assert labels(rows, followed_by(), day=10) == {"a": 1}
    assert labels(rows, followed_by(), day=11) == {"a": 1, "b": 0}


def test_an_answer_at_the_end_of_its_span_comes_with_the_date_that_holds_it() -> None:
    rows = lines(("a", 0, "a", "x", 1), ("C1", 1, "a", "x", -1))
    config = followed_by(within="1d")
    assert labels(rows.filter(pl.col("at") < START + dt.timedelta(days=1)), config, day=0) == {}
    assert labels(rows, config, day=0) == {}
    assert labels(rows, config, day=1) == {"a": 1}


def test_a_missing_date_leaves_open_what_it_may_hold_the_answer_of() -> None:
    # Spans of ten days: 0 to 10, 3 to 13, 14 to 24.
    rows = lines(("a", 0.5, "a", "x", 1), ("b", 3.5, "b", "x", 1), ("c", 14, "c", "x", 1))

    def known(*gaps: int) -> list[str]:
        days = [START.date() + dt.timedelta(days=gap) for gap in gaps]
        return label(rows, followed_by(), EVENT, START.date() + dt.timedelta(days=60), gaps=days)[
            "event_id"
        ].to_list()

    assert known() == ["a", "b", "c"]
    assert known(2) == ["b", "c"]
    assert known(10) == ["c"]
    assert known(13) == ["a", "c"]
    assert known(24) == ["a", "b"]
    assert known(25) == ["a", "b", "c"]
    assert known(0, 24) == ["b"]


def test_a_missing_date_says_nothing_of_a_label_in_the_row_itself_or_of_a_verdict() -> None:
    rows, day = lines(("a", 0.5, "a", "x", 1)), dt.date(2010, 2, 1)
    gaps, said = [START.date() + dt.timedelta(days=1)], reviews(("a", "fraud", 2))
    column = LabelColumn(column="quantity", positive=(1,), delay=dt.timedelta(days=3))
    assert label(rows, column, EVENT, day, gaps=gaps)["label"].to_list() == [1]
    found = label(rows, disposition(time="at"), EVENT, day, verdicts=said, gaps=gaps)
    assert found["label"].to_list() == [1]


def random_lines(rows: int, seed: int) -> pl.LazyFrame:
    generator = np.random.default_rng(seed)
    return lines(
        *(
            (
                f"{'C' if generator.random() < 0.3 else ''}{i}",
                float(generator.integers(0, 40 * 24)) / 24,
                str(generator.integers(0, 5)),
                str(generator.integers(0, 3)),
                int(generator.integers(1, 9)),
            )
            for i in range(rows)
        )
    )


@pytest.mark.parametrize("match", ["latest", "any"])
def test_nothing_after_the_day_is_used(match: str) -> None:
    config = followed_by(match=match, at_most="quantity")
    rows = random_lines(300, seed=0)
    whole = labels(rows, config)
    for day in (12, 20, 30):
        cut = START + dt.timedelta(days=day + 1)
        known = labels(rows, config, day)
        assert known == labels(rows.filter(pl.col("at") < cut), config, day)
        # What is known by a day is never taken back.
        assert known.items() <= whole.items()


def test_of_a_repeated_key_the_first_row_in_time_gives_the_label_in_any_order() -> None:
    config = LabelColumn(column="quantity", positive=(1,))
    rows = lines(("a", 2, "a", "x", 1), ("a", 1, "b", "x", 0), ("b", 1, "b", "x", 1)).collect()
    for given in (rows, rows.reverse()):
        found = label(given.lazy(), config, EVENT, dt.date(2010, 2, 1))
        assert found["event_id"].to_list() == ["a", "b"]
        assert found["label"].to_list() == [0, 1]
        assert found["batch_date"].to_list() == [dt.date(2010, 1, 2)] * 2


def test_labels_equal_the_plain_reading_of_the_rule() -> None:
    rows = random_lines(200, seed=1)
    everything = rows.collect().sort("at", "id").to_dicts()
    answered = set()
    for answer in everything:
        if not answer["id"].startswith("C"):
            continue
        fitting = [
            event["id"]
            for event in everything
            if not event["id"].startswith("C")
            and (event["who"], event["what"]) == (answer["who"], answer["what"])
            and dt.timedelta() < answer["at"] - event["at"] <= dt.timedelta(days=10)
            and answer["quantity"] <= event["quantity"]
        ]
        answered.update(fitting[-1:])
    found = labels(rows, followed_by(at_most="quantity"))
    assert {name for name, value in found.items() if value} == answered


def test_a_column_labels_by_its_positive_or_its_negative_values() -> None:
    rows = lines(("a", 0, "a", "normal.", 1), ("b", 0, "a", "smurf.", 0)).with_columns(
        what=pl.when(pl.col("id") == "a").then(pl.lit("normal.")).otherwise(pl.lit("smurf."))
    )
    day = dt.date(2010, 2, 1)
    by_negative = LabelColumn(column="what", negative=("normal.",))
    by_positive = LabelColumn(column="quantity", positive=(1,))
    assert label(rows, by_negative, EVENT, day)["label"].to_list() == [0, 1]
    assert label(rows, by_positive, EVENT, day)["label"].to_list() == [1, 0]
    unknown = rows.with_columns(what=pl.lit(None, pl.String))
    assert label(unknown, by_negative, EVENT, day).height == 0


@pytest.mark.parametrize("normal", ["7", 7])
def test_a_class_is_positive_unless_it_is_the_normal_one(normal: str | int) -> None:
    rows = lines(("a", 0, "a", "x", 7), ("b", 0, "a", "x", 0), ("c", 0, "a", "x", 3)).with_columns(
        quantity=pl.when(pl.col("id") != "c").then("quantity")
    )
    found = label(rows, LabelClass(column="quantity", normal=normal), EVENT, dt.date(2010, 2, 1))
    # Where the column is empty nothing is known.
    assert found.select("event_id", "label", "label_class").rows() == [("a", 0, "7"), ("b", 1, "0")]


def test_a_class_is_known_after_its_delay() -> None:
    config = LabelClass(column="what", normal="x", delay=dt.timedelta(days=2))
    rows = lines(("a", 0.5, "a", "x", 1), ("b", 1.5, "a", "y", 1))
    assert label(rows, config, EVENT, START.date() + dt.timedelta(days=2))[
        "event_id"
    ].to_list() == ["a"]


def test_events_without_a_time_are_labelled_by_their_batch_date(store: Store) -> None:
    event = EventConfig(table="rows", key=("id",))
    config = LabelColumn(column="y", positive=(True,), delay=dt.timedelta(days=2))
    with open_run(store, "p", "training", "attempt") as run:
        tables = [
            run.write_table(
                Valid,
                pl.DataFrame({"id": [day], "y": [True]}),
                table_uri("valid", "p", "rows", f"2010-01-0{day}"),
            )
            for day in (3, 1, 2)
        ]
        made = label_events(run, config, event, tables, dt.date(2010, 1, 3))
        table = run.scan(made).collect()
    # An event without a time may have happened as late as its date ended.
    assert table["event_id"].to_list() == ["1"]
    assert table["event_time"].null_count() == 1
    assert table["known_at"].to_list() == [dt.datetime(2010, 1, 3, 23, 59, 59, 999999)]
    assert table.schema["label"] == pl.Int8


def test_configurations_that_cannot_work_are_refused() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(LabelConfig)
    with pytest.raises(ValidationError, match="own row only"):
        adapter.validate_python(
            {"kind": "followed_by", "where": "MAX(x) > 1", "same": ["a"], "within": "1d"}
        )
    with pytest.raises(ValidationError, match="not both"):
        adapter.validate_python({"kind": "column", "column": "y"})
    timeless = EventConfig(table="rows", key=("id",))
    with pytest.raises(ConfigError, match=r"event\.time"):
        label(lines(), followed_by(), timeless, dt.date(2010, 1, 1))
    with pytest.raises(SchemaDriftError, match="nowhere"):
        label(lines(), followed_by(same=["nowhere"]), EVENT, dt.date(2010, 1, 1))


def test_without_a_label_every_event_is_there_and_none_is_told() -> None:
    rows = lines(("a", 0, "a", "x", 1), ("b", 70, "b", "x", 1), ("C1", 1, "a", "x", -1))
    found = label(rows, NoLabel(), EVENT, (START + dt.timedelta(days=60)).date())
    assert found["event_id"].to_list() == ["a"]  # neither the answer nor what is still to come
    assert found["label"].to_list() == [None]
    assert found["label"].dtype == pl.Int8


def disposition(**keys: Any) -> Disposition:
    return Disposition.model_validate(
        {"table": "reviews", "verdict": "said", "positive": ["fraud"], "within": "3d", **keys}
    )


def reviews(*rows: tuple[str, str | None, float]) -> pl.LazyFrame:
    """Rows of (id, verdict, days since the start)."""
    found = pl.LazyFrame(rows, orient="row", schema=["id", "said", "day"])
    at = pl.lit(START) + pl.duration(hours=pl.col("day") * 24)
    return found.with_columns(at=at, batch_date=at.dt.date()).drop("day")


def verdicts_on(said: pl.LazyFrame | None, config: Disposition, day: int = 60) -> dict[str, int]:
    rows = lines(*((name, 0.5, "w", "x", 1) for name in "abcd"))
    known_by = (START + dt.timedelta(days=day)).date()
    found = label(rows, config, EVENT, known_by, verdicts=said)
    return dict(found.select("event_id", "label").iter_rows())


def test_a_label_is_the_last_verdict_and_what_nobody_saw_has_none() -> None:
    said = reviews(("a", "fraud", 1), ("b", "fraud", 1), ("b", "fine", 2), ("c", None, 1))
    assert verdicts_on(said, disposition(time="at")) == {"a": 1, "b": 0}


def test_verdicts_after_the_label_was_known_are_not_used() -> None:
    said = reviews(("a", "fine", 1), ("a", "fraud", 4), ("b", "fraud", 3.6))
    assert verdicts_on(said, disposition(time="at")) == {"a": 0}


def test_a_verdict_without_a_time_was_there_when_its_date_ended() -> None:
    said = reviews(("a", "fraud", 2.9), ("b", "fraud", 3.1))
    assert verdicts_on(said, disposition()) == {"a": 1}


def test_of_events_and_verdicts_without_a_time_those_of_the_last_date_count() -> None:
    event = EVENT.model_copy(update={"time": None})
    rows, said = lines(("a", 0, "w", "x", 1)), reviews(("a", "fraud", 3))

    def known_by(day: int) -> list[int]:
        by = START.date() + dt.timedelta(days=day)
        return label(rows, disposition(), event, by, verdicts=said)["label"].to_list()

    assert (known_by(2), known_by(3)) == ([], [1])


def test_no_verdict_is_a_label_before_its_time_has_passed() -> None:
    said = reviews(("a", "fraud", 1))
    assert verdicts_on(said, disposition(time="at"), day=2) == {}
    assert verdicts_on(said, disposition(time="at"), day=3) == {"a": 1}


def test_without_any_verdict_there_are_no_labels() -> None:
    assert verdicts_on(None, disposition()) == {}


def test_verdicts_may_name_events_by_columns_of_other_names() -> None:
    said = reviews(("a", "fraud", 1)).rename({"id": "event"})
    assert verdicts_on(said, disposition(on=["event"])) == {"a": 1}
    with pytest.raises(SchemaDriftError, match="id"):
        verdicts_on(said, disposition())
