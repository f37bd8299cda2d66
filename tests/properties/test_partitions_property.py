"""Features computed in partitions: the bytes of those computed at once, whatever the dealing."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.core.artifacts import Labels, Prepared, Valid
from tasks.core.commit import open_run
from tasks.core.errors import ComputeError
from tasks.core.event import EventConfig
from tasks.core.executor import Executor
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.features import partitions
from tasks.features.config import FeaturesConfig
from tasks.features.dealing import shares
from tasks.features.inputs import Inputs
from tasks.features.task import build_features

P = TypeVar("P")
R = TypeVar("R")

EVENT = EventConfig(table="t", key=("id",), time="at", entities=("who",), where="y > -5")
FEATURES = FeaturesConfig.model_validate(
    [
        {"family": "expressions", "expressions": {"both": "x + y"}},
        {
            "family": "history",
            "entity": "who",
            "windows": ["6h", "2d"],
            "last": [2],
            "statistics": ["count", "mean", "std", "max", "median", "zscore", "since_last"],
            "values": ["x"],
            "distinct": ["what"],
        },
        {"family": "frequency", "columns": ["what"], "windows": ["1d"]},
        {"family": "novelty", "entity": "what", "of": "who", "windows": ["1d"]},
        {"family": "risk", "entity": "what", "windows": ["2d"], "delay": "3h"},
        {"family": "risk", "entity": "who", "windows": ["1d"], "delay": "1h", "smoothing": 2},
        {"family": "streaks", "entity": "who", "windows": ["2d"], "conditions": {"high": "y > 0"}},
        {"family": "sequence", "entity": "who", "steps": 2, "within": "2d", "values": ["x"]},
        {"family": "series", "name": "all", "steps": 2, "every": "7h", "values": ["y"]},
        {"family": "series", "entity": "who", "steps": 2, "every": "5h", "values": ["y"]},
        {"family": "basket", "by": "who", "values": ["x"], "statistics": ["sum", "rank"]},
        {"family": "calendar", "parts": ["hour"]},
        {
            "family": "events",
            "table": "seen",
            "on": {"what": "kind"},
            "time": "then",
            "windows": ["1d"],
        },
    ]
)
START = dt.datetime(2020, 1, 1)
DATES = (dt.date(2020, 1, 2), dt.date(2020, 1, 3))
NUMBERS = st.one_of(st.none(), st.floats(-9, 9, allow_subnormal=False))
ROWS = st.lists(
    st.tuples(
        st.integers(0, 60 * 72 - 1),
        st.sampled_from(["a", "b", "c", "d", None]),
        st.sampled_from(["p", "q", "r"]),
        NUMBERS,
        NUMBERS,
        st.sampled_from([0, 1, None]),
    ),
    min_size=1,
    max_size=40,
)


class Backwards:
    """Computes the last partition first, as if it were so many processes; remembers how many."""

    def __init__(self, workers: int) -> None:
        self.workers, self.partitions = workers, 0

    def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
        self.partitions += len(partitions)
        return iter([work(partition) for partition in reversed(partitions)][::-1])


def _tables(rows: list[tuple[object, ...]]) -> pl.DataFrame:
    minutes, who, what, x, y, label = zip(*rows, strict=True)
    at = [START + dt.timedelta(minutes=each) for each in minutes]  # type: ignore[arg-type]
    frame = {"id": range(len(rows)), "at": at, "who": who, "what": what, "x": x, "y": y}
    types = {"who": pl.String, "what": pl.String, "x": pl.Float64, "y": pl.Float64}
    table = pl.DataFrame(
        {**frame, "label": label}, schema_overrides={**types, "label": pl.Int8}
    ).sort("at", "id")
    return table.with_columns(batch_date=pl.col("at").dt.date())


def _inputs(run: Run, table: pl.DataFrame) -> Inputs:
    prepared = tuple(
        run.write_table(
            Prepared, of_day.drop("label"), table_uri("prepared", "p", "t", str(day[0]))
        )
        for day, of_day in table.partition_by("batch_date", as_dict=True).items()
    )
    labels = run.write_table(
        Labels,
        table.select(EVENT.id(), "label").drop_nulls(),
        table_uri("labels", "p", "t", run.batch),
    )
    seen = table.select(kind="what", then=pl.col("at") - dt.timedelta(minutes=5))
    other = run.write_table(Valid, seen, table_uri("valid", "p", "seen", run.batch))
    return Inputs(prepared, {"seen": (other,)}, labels)


@settings(max_examples=25, deadline=None)
@given(rows=ROWS, workers=st.integers(2, 5))
def test_partitions_give_the_same_bytes(rows: list[tuple[object, ...]], workers: int) -> None:
    spread = Backwards(workers)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_run(Store(Path(folder)), "p", "2020-01-03", "night") as run,
    ):
        inputs = _inputs(run, _tables(rows))
        at_once = build_features(run, FEATURES, EVENT, inputs, DATES)
        apart = build_features(run, FEATURES, EVENT, inputs, DATES, (), spread)
        with pytest.MonkeyPatch.context() as patch:  # tables that are too many rows to hold
            patch.setattr(partitions, "SHARE_ROWS", 7)
            patch.setattr(partitions, "ROW_GROUP_ROWS", 3)
            in_pieces = build_features(run, FEATURES, EVENT, inputs, DATES)
            last = DATES[1], DATES[1]
            pieces_of_one = build_features(run, FEATURES, EVENT, inputs, last)
        of_one = build_features(run, FEATURES, EVENT, inputs, last)
        assert not list((run.staging / "parts").glob("*")), "what was read once is taken away"
    assert spread.partitions == len(list(shares(FEATURES, EVENT, workers)))
    assert apart == in_pieces == at_once
    assert pieces_of_one == of_one


def test_rows_are_dealt_evenly() -> None:
    table = pl.DataFrame({"who": [f"C{number}" for number in range(20_000)]})
    (deal,) = {share.deal for share in shares(FEATURES, EVENT, 8) if share.deal.by == ("who",)}
    counts = table.group_by(deal.number(8).alias("number")).len()
    assert counts.height == 8
    assert counts["len"].max() < 1.1 * 20_000 / 8


def test_a_worker_that_deals_otherwise_is_found_out(tmp_path: Path) -> None:
    class Losing(Backwards):
        def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
            made = list(super().map(work, partitions))
            a, b = (n for n, each in enumerate(partitions) if each.share.deal.by == EVENT.key)
            made[a], made[b] = made[b], made[a]
            return iter(made)

    rows = [(60 * 30 + n, "abcd"[n % 4], "pqr"[n % 3], 1.0, 1.0, 0) for n in range(40)]
    executor: Executor = Losing(2)
    with open_run(Store(tmp_path), "p", "2020-01-03", "night") as run:
        inputs = _inputs(run, _tables(rows))
        with pytest.raises(ComputeError, match="same release"):
            build_features(run, FEATURES, EVENT, inputs, DATES, (), executor)
