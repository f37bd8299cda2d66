"""Which rung answers, and why the ones above it did not."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tasks.core.artifacts import Ref
from tasks.core.errors import ModelError
from tasks.models.aliases import Aliases
from tasks.models.bundle import Member
from tasks.score import ladder
from tasks.score.asking import Answer
from tasks.score.reasons import TOP, adds_up, explain
from tasks.score.stream import Events

CHAMPION, PREVIOUS = (Ref(f"models/p/{c}/model.json", c * 64, 0, "model") for c in "ab")


def test_the_rungs_are_asked_best_first() -> None:
    asked = [(r.source, r.ref, r.role) for r in ladder.rungs(Aliases(CHAMPION, PREVIOUS, ()))]
    assert asked == [
        ("champion", CHAMPION, "model"),
        ("previous", PREVIOUS, "model"),
        ("fallback", CHAMPION, "fallback"),
        ("fallback", PREVIOUS, "fallback"),
    ]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied\nmore"), "RuntimeError: mat1"),
        (ModelError("finite scores", found="3 of 5 are not"), "required finite scores, found 3"),
    ],
)
def test_a_rung_that_breaks_is_passed_over_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def asked(unscored: object, rung: ladder.Rung, seconds: object) -> Answer:
        if rung.source == "champion":
            raise error
        return Answer(rung, (), Member(None, None, None, None), np.zeros(1), pl.Series([None]))

    monkeypatch.setattr(ladder, "ask", asked)
    places = ladder.rungs(Aliases(CHAMPION, PREVIOUS, ()))
    answer, (passed,) = ladder.climb(None, places)
    assert answer.source == "previous"
    assert str(passed).startswith(f"champion {'a' * 12}: {reason}")
    assert "\n" not in str(passed)


def test_a_table_without_a_feature_of_the_model_is_no_match(tmp_path: Path) -> None:
    table = pl.LazyFrame({"event_id": ["a"], "batch_date": [None], "amount": [1.0]})
    events = Events.of(table, 1)
    assert (events.names, events.features) == (("event_id", "batch_date"), ("amount",))
    with pytest.raises(pl.exceptions.ColumnNotFoundError):
        next(events.matrices(["visits"]))


def test_batches_are_in_the_order_asked_for_with_nan_for_null() -> None:
    table = pl.LazyFrame(
        {"event_id": ["a", "b"], "batch_date": [None, None], "x": [1, None], "y": [3.0, 4.0]}
    )
    (matrix,) = Events.of(table, 2).matrices(["y", "x"])
    assert (matrix.dtype, matrix.flags.c_contiguous) == (np.float32, True)
    np.testing.assert_array_equal(matrix, [[3, 1], [4, np.nan]])


class Linear:
    """A model whose contributions are its weighted features, plus an error where asked."""

    def __init__(self, weights: list[float], error: float = 0.0) -> None:
        self.weights, self.error = np.array(weights, np.float32), np.float32(error)

    def score(self, table: np.ndarray) -> np.ndarray:
        return np.nan_to_num(table) @ self.weights + 1

    def explain(self, table: np.ndarray) -> np.ndarray:
        shares = np.nan_to_num(table) * self.weights
        return np.column_stack([shares, np.full(len(table), 1 + self.error)])


def test_reasons_are_the_strongest_contributions_with_their_sign() -> None:
    model = Linear([1, -3, 0, 2, 1, 1, 1])
    table = np.array([[1, 1, 9, 1, np.nan, 0.5, 0.25]], np.float32)
    names = list("abcdefg")
    (reasons,) = explain(model, table, model.score(table), names)
    assert [(r["feature"], r["contribution"]) for r in reasons] == [
        *(("b", -3.0), ("d", 2.0), ("a", 1.0), ("f", 0.5), ("g", 0.25)),
    ]
    assert reasons[0]["value"] == 1.0
    assert len(reasons) == TOP


def test_a_missing_value_is_shown_as_missing() -> None:
    class Gap(Linear):
        def explain(self, table: np.ndarray) -> np.ndarray:
            return np.array([[2.0, 0.0]])

    (reasons,) = explain(Gap([1]), np.array([[np.nan]], np.float32), np.array([2.0]), ["a"])
    assert reasons == [{"feature": "a", "value": None, "contribution": 2.0}]


def test_contributions_that_do_not_add_up_are_withheld() -> None:
    model = Linear([1, 2], error=0.5)
    table = np.array([[1, 1], [100, 100]], np.float32)
    scores = model.score(table)
    assert adds_up(model.explain(table), scores).tolist() == [False, True]
    assert explain(model, table, scores, ["a", "b"])[0] == []
