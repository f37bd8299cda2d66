"""No prepared value sees the future; what would is caught."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

from tasks.core.event import EventConfig
from tasks.core.treatments import Carry, Fence, Fill, Learned, Preparation
from tasks.features.knowledge import Knowledge
from tasks.features.proof import Proof, prove_no_leak
from tasks.prepare.config import DuplicatesConfig, PrepareConfig
from tasks.prepare.revealed import revealed

START = dt.datetime(2020, 1, 1)
RULES = {"missing": {"columns": {"x": {"method": "forward", "by": "who", "within": "12h"}}}}


def rows() -> pl.DataFrame:
    """Ten dates; one row in five repeats another's key on the same date or the next."""
    generator, n = np.random.default_rng(0), 400
    minutes = np.sort(generator.integers(0, 10 * 24 * 60, n))
    again = generator.random(n) < 0.2
    ids = np.arange(n)
    ids[again] = np.maximum(ids[again] - generator.integers(1, 40, again.sum()), 0)
    return pl.DataFrame(
        {
            "id": ids,
            "at": [START + dt.timedelta(minutes=int(m)) for m in minutes],
            "who": generator.choice(list("abc"), n),
            "x": [v if generator.random() < 0.6 else None for v in generator.normal(size=n)],
            "y": generator.normal(size=n),
        }
    ).with_columns(batch_date=pl.col("at").dt.date())


def proof(event: EventConfig, learned: Learned, **rules: Any) -> Proof:
    table, config = rows(), PrepareConfig.model_validate(RULES).model_copy(update=rules)

    def builder(
        seen: pl.DataFrame, asked: pl.Series, _: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        return revealed(seen, asked, config, learned, event)

    wanted = pl.repeat(True, table.height, dtype=pl.Boolean, eager=True)
    known = Knowledge(event.time, event.key)
    return prove_no_leak(
        builder, table, wanted, {}, known, cut_offs=25, events=10, span=dt.timedelta(days=9)
    )


def learned(method: Any) -> Learned:
    fill = Carry("x", method, ("who",), 43_200.0, indicator=True)
    return Learned(
        Preparation((Fence("y", "iqr", -1.0, 1.0, "mark"), fill, Fill("y", "constant", 0.0)))
    )


def test_fills_bounds_and_repetitions_do_not_see_the_future(event: EventConfig) -> None:
    tried = proof(event, learned("forward"), duplicates=DuplicatesConfig(columns=("id",)))
    assert tried.leaks == ()
    assert set(tried.features) >= {"x", "y", "x_missing", "y_outlier", "is kept"}


@pytest.mark.parametrize("method", ["backward", "linear"])
def test_a_planted_fill_from_later_rows_is_caught(event: EventConfig, method: str) -> None:
    assert "x" in {leak.feature for leak in proof(event, learned(method)).leaks}


def test_a_planted_choice_of_the_last_repetition_is_caught(event: EventConfig) -> None:
    said = DuplicatesConfig(columns=("id",), keep="last", known_ahead=True)
    unsaid = said.model_copy(update={"known_ahead": False})
    tried = proof(event, learned("forward"), duplicates=unsaid)
    assert "is kept" in {leak.feature for leak in tried.leaks}
