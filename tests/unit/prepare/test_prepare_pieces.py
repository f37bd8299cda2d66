"""A date that is too many rows to hold at once: prepared piece by piece, the same bytes."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tasks.core.artifacts import Valid
from tasks.core.commit import open_run
from tasks.core.event import EventConfig
from tasks.core.store import Store, table_uri
from tasks.core.treatments import Fence, Fill, Learned, Preparation
from tasks.prepare import pieces
from tasks.prepare.config import PrepareConfig
from tasks.prepare.task import prepare, prepare_history

DAYS = [dt.date(2010, 1, day) for day in (1, 2, 3)]
LEARNED = Learned(Preparation((Fence("x", "quantile", -1.0, 1.0, "clip"), Fill("x", "mean", 0.5))))
ASKED = PrepareConfig.model_validate({"duplicates": {"exclude": ["id"]}, "repeats_within": "2d"})


def night(day: dt.date, rows: int) -> pl.DataFrame:
    """Rows with few times, some of them of the day before, keys and values that repeat, gaps."""
    generator = np.random.default_rng(day.day)
    at = pl.lit(day).cast(pl.Datetime("us")) + pl.duration(
        hours=pl.Series(generator.integers(-3, 12, rows))
    )
    return (
        pl.DataFrame({"id": generator.integers(0, 150, rows)})
        .with_columns(
            at=at,
            who=pl.Series([("a", "b", None)[n] for n in generator.integers(0, 3, rows)]),
            x=pl.Series(
                [v if v < 1 else None for v in generator.integers(-3, 3, rows)], dtype=pl.Float64
            ),
            _source=pl.lit("f"),
            _line=pl.int_range(pl.len()),
        )
        .with_columns(pl.when(pl.col("_line") % 11 > 0).then("at"))
    )


@pytest.mark.parametrize("time", ["at", None])
@pytest.mark.parametrize("most", [1, 7, 30])
def test_pieces_of_dates_make_the_table_of_the_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, most: int, time: str | None
) -> None:
    event = EventConfig(table="t", key=("id",), time=time, entities=("who",))
    found = []
    for rows in (1_000, most):
        monkeypatch.setattr(pieces, "PIECE_ROWS", rows)
        with open_run(store, "p", str(DAYS[-1]), f"attempt-{rows}") as run:
            tables = [
                run.write_table(
                    Valid,
                    night(day, 60).sample(fraction=1, shuffle=True, seed=rows),
                    table_uri("valid", "p", "t", str(day)),
                )
                for day in DAYS
            ]
            own = prepare(run, ASKED, LEARNED, event, tables, (DAYS[1], DAYS[1]), name="own")
            all_ = prepare(run, ASKED, LEARNED, event, tables, (DAYS[0], DAYS[-1]), name="all")
            places = {day: f"history/p/t/{day}-{rows}.parquet" for day in DAYS[:2]}
            kept = prepare_history(run, ASKED, LEARNED, event, tables, places)
            digests = [each.sha256 for each in (own.table, all_.table, *kept.values())]
            found.append((digests, own.ledger, own.treated, all_.ledger, all_.treated))
    assert found[0] == found[1]
    (line,) = all_.ledger
    assert line.rejected.keys() == {"duplicate", "duplicate key"}
