"""What decides which epoch is kept."""

from dataclasses import dataclass

import numpy as np
import pytest

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Matrix, Rows, Target
from tasks.models.boosted_config import XGBoostConfig
from tasks.models.stopping import quality, stop_metric
from tasks.models.zoo import MODELS


@dataclass(frozen=True)
class Factor:
    """Scores a row by its only feature, so many times."""

    by: float

    def score(self, table: Matrix) -> Matrix:
        return np.asarray(self.by * table[:, 0], np.float32)

    def explain(self, table: Matrix) -> Matrix:
        raise NotImplementedError

    def save(self) -> dict[str, bytes]:
        raise NotImplementedError


RANKED = Rows(np.float32([[-2], [-1], [1]]), np.float32([0, 0, 1]))
MIXED = Rows(np.float32([[-2], [2], [1]]), np.float32([0, 0, 1]))


def test_of_two_that_rank_alike_the_surer_one_is_kept() -> None:
    assert quality(Factor(1), RANKED) == quality(Factor(3), RANKED) == 1
    assert stop_metric(Factor(3), RANKED) > stop_metric(Factor(1), RANKED)


def test_a_better_ranking_is_kept_however_unsure_it_is() -> None:
    assert stop_metric(Factor(0.01), RANKED) > stop_metric(Factor(3), MIXED)


def test_a_score_that_is_not_finite_stops() -> None:
    assert np.isnan(stop_metric(Factor(np.inf), RANKED))
    assert np.isnan(quality(Factor(np.nan), Rows(RANKED.table, RANKED.labels, (), Target("value"))))


def test_without_a_positive_nothing_is_judged() -> None:
    with pytest.raises(ModelError, match="no positive of 3"):
        stop_metric(Factor(1), Rows(RANKED.table, RANKED.labels * 0))


def test_trees_go_on_where_the_first_ranks_all_positives_right() -> None:
    table = np.random.default_rng(0).normal(size=(600, 2)).astype(np.float32)
    rows = Rows(table, (table[:, 0] > 0.5).astype(np.float32))
    config = XGBoostConfig(rounds=40, patience=40, row_share=1.0, column_share=1.0)
    history = MODELS["xgboost"].fit(config, rows, rows, Conditions(0)).history
    assert history.epochs[0].stop_metric > 0.98
    assert history.kept == 40
