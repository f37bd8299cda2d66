"""Arithmetic and merged weights of scoring: what they may change, and what not."""

import numpy as np
import pytest
import torch

from tasks.models.base import Conditions, Rows, Scorer
from tasks.models.config import MlpConfig, TabMConfig
from tasks.models.network import NetworkScorer
from tasks.models.zoo import MODELS

SMALL = {"bins": 6, "embedding": 4, "layers": 2, "epochs": 10, "learning_rate": 0.02}
CONFIGS = (TabMConfig(heads=3, width=16, **SMALL), MlpConfig(width=24, **SMALL))


def sample(rows: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, 5)).astype(np.float32)
    odds = 2 * table[:, 0] * (table[:, 1] > 0) + table[:, 2] ** 2 - 3
    labels = generator.random(rows) < 1 / (1 + np.exp(-odds))
    table[generator.random((rows, 5)) < 0.05] = np.nan
    return Rows(table, labels.astype(np.float32))


FIT, STOP, LATER = sample(1500, 0), sample(500, 1), sample(1300, 2)


@pytest.fixture(scope="module", params=CONFIGS, ids=lambda config: config.kind)
def scorers(request: pytest.FixtureRequest) -> tuple[NetworkScorer, Scorer]:
    """A model as it is, and the same one told to score in bfloat16."""
    config = request.param
    exact = MODELS[config.kind].fit(config, FIT, STOP, Conditions(0)).scorer
    assert isinstance(exact, NetworkScorer)
    half = config.model_copy(update={"scoring_precision": "bfloat16"})
    return exact, MODELS[config.kind].load(half, exact.save())


def test_bfloat16_scores_are_near_and_rank_alike(scorers: tuple[NetworkScorer, Scorer]) -> None:
    exact, half = (scorer.score(LATER.table) for scorer in scorers)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - exact).max() < 0.05 * exact.std()
    places = [np.argsort(np.argsort(each)) for each in (exact, half)]
    assert np.corrcoef(*places)[0, 1] > 0.999


def test_a_bfloat16_score_does_not_depend_on_the_other_rows(
    scorers: tuple[NetworkScorer, Scorer],
) -> None:
    half = scorers[1]
    whole = half.score(LATER.table)
    for rows in (1, 7, 513):
        parts = [half.score(LATER.table[i : i + rows]) for i in range(0, 1026, rows)]
        np.testing.assert_allclose(np.concatenate(parts)[:1026], whole[:1026], atol=0.01)


def test_both_are_saved_alike_and_explained_exactly(scorers: tuple[NetworkScorer, Scorer]) -> None:
    exact, half = scorers
    assert exact.save() == half.save()
    np.testing.assert_array_equal(exact.explain(LATER.table[:9]), half.explain(LATER.table[:9]))


def test_scores_are_those_of_the_network_whose_weights_are_not_merged(
    scorers: tuple[NetworkScorer, Scorer],
) -> None:
    network = scorers[0].network
    merged = scorers[0].score(LATER.table)
    network.eval()  # forgets what was merged
    with torch.inference_mode():
        plain = network.score(network.encoding(torch.from_numpy(LATER.table))).numpy()
    np.testing.assert_allclose(merged, plain, atol=1e-5)


def test_merged_weights_do_not_outlive_a_training() -> None:
    config = CONFIGS[0]
    first = MODELS["tabm"].fit(config, FIT, STOP, Conditions(0)).scorer
    later = MODELS["tabm"].fit(config, FIT, STOP, Conditions(1, start=first.save())).scorer
    loaded = MODELS["tabm"].load(config, later.save())
    assert (later.score(LATER.table) != first.score(LATER.table)).any()
    np.testing.assert_array_equal(later.score(LATER.table), loaded.score(LATER.table))
