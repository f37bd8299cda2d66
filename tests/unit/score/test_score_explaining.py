"""Reasons for a whole night: in bounded pieces, no more than are asked for, and none by force."""

import numpy as np
import polars as pl
import pytest

from tasks.core.artifacts import Ref
from tasks.models.bundle import Member
from tasks.models.calibration import Calibration
from tasks.score.asking import Answer, Rung
from tasks.score.explaining import Explaining

ROWS, BATCH = 12, 4
LOGISTIC = Calibration("platt", np.empty(0), np.array([1.0, 0.0]), np.linspace(-6, 1, 500))
MODEL = Ref("models/p/a/model.json", "a" * 64, 0, "model")


class Scorer:
    """Contributions that are the features themselves; it notes how many rows it is asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked, self.error = [], error

    def explain(self, table: np.ndarray) -> np.ndarray:
        self.asked.append(len(table))
        if self.error and len(self.asked) == 2:
            raise self.error
        return np.column_stack([table, np.zeros(len(table))])


def night() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Features, and the decisions of them: every row but each third is an alert."""
    x = np.random.default_rng(0).permutation(ROWS).astype(float)
    decided = pl.DataFrame({"score": x, "rank": (ROWS - x).astype(int)}).with_columns(
        decision=pl.when(pl.int_range(ROWS) % 3 == 0)
        .then(pl.lit("pass"))
        .otherwise(pl.lit("alert"))
    )
    return pl.DataFrame({"x": x.astype(np.float32)}), decided


def explained(
    limit: int, error: Exception | None = None
) -> tuple[pl.DataFrame, Explaining, Scorer]:
    features, decided = night()
    scorer = Scorer(error)
    member = Member(None, scorer, LOGISTIC, None)
    answer = Answer(Rung("champion", MODEL, "model"), ("x",), member, np.empty(0), pl.Series([]))
    explaining = Explaining.of(decided, answer, limit)
    parts = [
        explaining.add(features.lazy().slice(start, BATCH), decided.slice(start, BATCH))
        for start in range(0, ROWS, BATCH)
    ]
    return pl.concat(parts), explaining, scorer


def test_every_alert_is_explained_a_batch_at_a_time() -> None:
    told, _, scorer = explained(limit=100)
    assert told.drop("reasons").equals(night()[1])
    for row in told.to_dicts():
        is_alert = row["decision"] == "alert" and row["score"] != 0
        found = [reason["contribution"] for reason in row["reasons"]]
        assert found == ([row["score"]] if is_alert else [])
    assert scorer.asked == [2, 3, 3]
    assert sum(scorer.asked) == told.filter(decision="alert").height


def test_no_more_alerts_than_are_asked_for_are_explained_the_highest_scores_first() -> None:
    told, explaining, scorer = explained(limit=3)
    alerts = told.filter(decision="alert").sort("rank")
    assert alerts["reasons"].list.len().to_list() == [1, 1, 1, 0, 0, 0, 0, 0]
    assert sum(scorer.asked) == 3
    assert explaining.warnings == (
        "5 of 8 alerts have no reasons: scoring.reasons gives them to the 3 of the highest scores",
    )
    told, explaining, scorer = explained(limit=0)
    assert (told["reasons"].list.len().sum(), scorer.asked) == (0, [])


@pytest.mark.parametrize("error", [RuntimeError("shapes"), MemoryError()])
def test_an_explanation_that_breaks_takes_the_reasons_of_its_batch_alone(error) -> None:
    told, explaining, _ = explained(limit=100, error=error)
    reasons = told["reasons"].list.len()
    assert reasons.slice(BATCH, BATCH).sum() == 0
    assert reasons.head(BATCH).sum()
    assert reasons.tail(BATCH).sum()
    assert type(error).__name__ in " ".join(explaining.warnings)
