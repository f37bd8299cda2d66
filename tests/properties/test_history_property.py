"""Nights that reuse what earlier ones prepared: the same bytes as from the history alone."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.pipeline import Pipeline
from flows.preparing import prepare_on
from tasks.core.artifacts import Ref, Valid
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.event import EventConfig
from tasks.core.quarantine import LINE, SOURCE
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Carry, Fence, Fill, Learned, Preparation
from tasks.features.config import FeaturesConfig
from tasks.features.inputs import Inputs
from tasks.features.task import build_features
from tasks.prepare.config import PrepareConfig

EVENT = EventConfig(table="t", key=("id",), time="at", entities=("who",))
FEATURES = FeaturesConfig.model_validate(
    [
        {
            "family": "history",
            "entity": "who",
            "windows": ["6h", "2d"],
            "last": [2],
            "statistics": ["count", "mean", "std", "max", "median", "zscore", "since_last"],
            "values": ["x"],
            "distinct": ["what"],
        },
        {"family": "novelty", "entity": "who", "of": "what", "windows": ["1d"]},
        {"family": "streaks", "entity": "who", "windows": ["2d"], "conditions": {"high": "y > 0"}},
        {"family": "expressions", "expressions": {"both": "x + y"}},
    ]
)
LEARNED = Learned(
    Preparation(
        (
            Fence("x", "quantile", -5.0, 5.0, "clip"),
            Carry("x", "forward", ("who",), 90_000.0, indicator=True),
            Fill("y", "constant", 0.5),
        )
    )
)
PREPARE = PrepareConfig.model_validate(
    {"missing": {"columns": {"x": {"method": "forward", "by": "who", "within": "25h"}}}}
)
START, DATES = dt.date(2020, 1, 1), 6

Row = tuple[int, int, str | None, str | None, float | None, float | None]
NUMBERS = st.one_of(st.none(), st.floats(-9, 9, allow_subnormal=False))
ROWS = st.lists(
    st.tuples(
        st.integers(0, 12),
        st.integers(-6, 30),  # hours from midnight: some rows are of the days beside
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["p", "q"]),
        NUMBERS,
        NUMBERS,
    ),
    max_size=6,
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("night"), st.integers(0, DATES - 1), st.just([])),
        st.tuples(st.just("change"), st.integers(0, DATES - 1), ROWS),
        st.tuples(st.just("damage"), st.integers(0, DATES - 1), st.just([])),
    ),
    min_size=2,
    max_size=8,
)


def day(number: int) -> dt.date:
    return START + dt.timedelta(days=number)


def table(number: int, rows: list[Row]) -> pl.DataFrame:
    names = ["id", "hour", "who", "what", "x", "y"]
    types = [pl.Int64, pl.Int64, pl.String, pl.String, pl.Float64, pl.Float64]
    frame = pl.DataFrame(rows, schema=dict(zip(names, types, strict=True)), orient="row")
    midnight = pl.lit(day(number)).cast(pl.Datetime("us"))
    return frame.select(
        "id",
        (midnight + pl.duration(hours="hour")).alias("at"),
        *names[2:],
        pl.lit("f").alias(SOURCE),
        pl.int_range(pl.len()).alias(LINE),
    )


class Nights:
    """A store, the dates landed in it, and nights that are run on them."""

    def __init__(self, root: Path, features: FeaturesConfig = FEATURES) -> None:
        self.store = Store(root)
        config = SimpleNamespace(
            preparation=PREPARE.with_lookback(features.lookback), features=features, event=EVENT
        )
        self.pipeline = cast(Pipeline, SimpleNamespace(store=self.store, name="p", config=config))
        self.valid: dict[dt.date, Ref[Valid]] = {}
        self.reads_all = not features.tallying

    def land(self, number: int, rows: list[Row]) -> None:
        with open_run(self.store, "p", str(day(number)), "land") as run:
            place = table_uri("valid", "p", "t", run.batch)
            self.valid[day(number)] = run.write_table(Valid, table(number, rows), place)
            commit(run, {})

    def night(self, number: int, commits: bool = True) -> tuple[str, ...]:
        """Digests of the prepared rows and of the features of a date."""
        tonight = day(number)
        events = {d: ref for d, ref in sorted(self.valid.items()) if d <= tonight}
        with open_run(self.store, "p", str(tonight), "night") as run:
            run.keep(events[tonight])
            made = _made(run, self.pipeline, events, tonight)
            if commits:  # else it is as if the night was killed before its end
                commit(run, {})
        return made

    def damage(self, number: int) -> None:
        for kind in ("prepared", "tallies"):
            record = last_commit(self.store, "p", f"{kind}-{day(number)}")
            for ref in record.files if record else ():
                self.store.path(ref.uri).write_bytes(b"damaged")


def _made(
    run: Run, pipeline: Pipeline, events: Mapping[dt.date, Ref[Valid]], tonight: dt.date
) -> tuple[str, ...]:
    dates = (tonight, tonight)
    own, reached = prepare_on(run, pipeline, LEARNED, tuple(events.values()), dates)
    inputs = Inputs(reached.prepared, tallies=reached.tallies)
    built = build_features(run, pipeline.config.features, EVENT, inputs, dates)
    return own.table.sha256, built.table.sha256, *(ref.sha256 for ref in reached.prepared)


def compare(
    root: Path,
    history: list[list[Row]],
    steps: list[tuple[str, int, list[Row]]],
    going: Nights,
    features: FeaturesConfig = FEATURES,
) -> None:
    """Run nights one after the other, and each of them in a store of its own as well."""
    known = list(history)
    for number, rows in enumerate(known):
        going.land(number, rows)
    for place, (step, number, rows) in enumerate([*steps, ("night", len(history) - 1, [])]):
        if step == "change":
            known[number] = rows
            going.land(number, rows)
        elif step == "damage":
            going.damage(number)
        else:
            alone = Nights(root / f"alone-{place}", features)
            for other in range(number + 1):
                alone.land(other, known[other])
            made, expected = going.night(number, commits=place % 3 != 1), alone.night(number)
            assert made == (expected if going.reads_all else (*expected[:2], *made[2:]))


@settings(max_examples=12, deadline=None)
@given(history=st.lists(ROWS, min_size=DATES, max_size=DATES), steps=STEPS)
def test_nights_in_any_order_equal_those_computed_from_the_history_alone(
    history: list[list[Row]], steps: list[tuple[str, int, list[Row]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), history, steps, Nights(Path(folder) / "going"))


def tallying(state: bool) -> FeaturesConfig:
    moments = ["count", "sum", "mean", "std", "min", "max", "ratio", "zscore"]
    history = {
        "family": "history",
        "entity": "who",
        "windows": ["6h", "2d", "5d"],
        "statistics": [*moments, "since_last", "since_first"],
        "values": {"x": "x", "both": "x * y + id"},
        "velocity": True,
    }
    late = {"entity": ["what", "who"], "where": "y > 0", "name": "high", "delay": "7h"}
    of_late = {"windows": ["1d", "4d"], "statistics": moments[:6], "values": "x"}
    families = [
        history,
        {"family": "history", **late, **of_late},
        {"family": "novelty", "entity": "who", "of": ["what", "id"], "windows": ["3d"]},
        {"family": "risk", "entity": "what", "where": "x > 0", "delay": "1d", "windows": ["2d"]},
    ]
    plain = {"family": "history", "entity": "what", "windows": ["1d"], "last": [2]}
    return FeaturesConfig.model_validate([*({**f, "state": state} for f in families), plain])


MANY = 11
MANY_ROWS = st.lists(ROWS, min_size=MANY, max_size=MANY)
MANY_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["night", "night", "change", "damage"]), st.integers(0, MANY - 1), ROWS
    ),
    min_size=2,
    max_size=8,
)
# An edge of the risk's window lies between the rows of two dates that make one stretch.
PARTED: list[list[Row]] = [
    *[[] for _ in range(3)],
    [(1, 18, "b", "q", 5.0, 1.0)],
    [(2, 15, "a", "q", -1.0, 1.0)],
    [(3, 1, "a", "q", 1.0, 1.0), (4, 12, "a", "q", 1.0, 1.0)],
    *[[] for _ in range(MANY - 6)],
]


def compare_tallies(history: list[list[Row]], steps: list[tuple[str, int, list[Row]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        going = Nights(Path(folder) / "going", tallying(True))
        compare(Path(folder), history, steps, going, tallying(False))


@settings(max_examples=4, deadline=None)
@given(history=MANY_ROWS, steps=MANY_STEPS)
@example(history=PARTED, steps=[("night", 5, [])])
def test_nights_that_keep_tallies_equal_those_computed_from_the_rows(
    history: list[list[Row]], steps: list[tuple[str, int, list[Row]]]
) -> None:
    compare_tallies(history, steps)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(history=MANY_ROWS, steps=MANY_STEPS)
def test_many_nights_that_keep_tallies_equal_those_computed_from_the_rows(
    history: list[list[Row]], steps: list[tuple[str, int, list[Row]]]
) -> None:
    compare_tallies(history, steps)
