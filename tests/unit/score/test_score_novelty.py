"""How far into the tails of the training an event lies."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.baseline import fit
from tasks.score.novelty import novelty, ranks, surprise
from tasks.score.stream import Events

NAN = float("nan")


def test_a_value_is_as_surprising_as_its_nearer_tail_is_small() -> None:
    baseline = fit(np.arange(1000.0), np.zeros(1000))
    found = surprise(np.array([-1, 0, 10, 500, 989, 999, 2000]), baseline)
    assert found[3] == pytest.approx(0, abs=0.05)
    assert found[2] == pytest.approx(-np.log(2 * 11 / 1000), abs=0.8)
    assert found[0] == found[6] == pytest.approx(-np.log(0.5 / 1000))
    assert (np.diff(found[:4]) < 0).all()
    assert (np.diff(found[3:]) > 0).all()


def test_of_few_values_the_rare_ones_surprise() -> None:
    baseline = fit(np.repeat([0.0, 1.0, 2.0], [90, 9, 1]), np.zeros(100))
    found = surprise(np.array([0, 1, 2, 7, -3]), baseline)
    assert found == pytest.approx(-np.log([0.9, 0.09, 0.01, 0.005, 0.005]))


def test_a_missing_value_surprises_where_few_were_missing() -> None:
    some = np.array([NAN, NAN, *range(98)])
    assert surprise(np.array([NAN]), fit(some, np.zeros(100))) == pytest.approx(-np.log(0.02))
    never = surprise(np.array([NAN]), fit(np.arange(100.0), np.zeros(100)))
    assert never == pytest.approx(-np.log(0.005))
    nothing = surprise(np.array([NAN, 1.0]), fit(np.full(100, NAN), np.zeros(100)))
    assert nothing == pytest.approx([0, -np.log(0.005)])


@given(st.lists(st.floats(allow_nan=False, width=32), max_size=40), st.randoms())
def test_ranks_go_from_zero_to_one_and_equals_share_theirs(values, random) -> None:
    found = ranks(np.array(values))
    order = random.sample(range(len(values)), len(values))
    assert ranks(np.array(values)[order]) == pytest.approx(found[order])
    assert ((found >= 0) & (found <= 1)).all()
    for one, other in zip(values, found, strict=True):
        assert {float(f) for v, f in zip(values, found, strict=True) if v == one} == {float(other)}


def test_the_most_unusual_event_of_a_night_ranks_first() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(500, 2)).astype(np.float32)
    rows[123] = [5, -5]
    table = pl.DataFrame({"event_id": range(500), "batch_date": [0] * 500, "a": rows[:, 0]})
    table = table.with_columns(b=rows[:, 1], unknown=pl.lit(9.0))
    trained = {n: fit(generator.normal(size=2000), np.zeros(2000)) for n in ("a", "b", "score.x")}
    found = novelty(Events.of(table.lazy(), 500), trained)
    assert found.argmax() == 123
    assert found[123] == 1
