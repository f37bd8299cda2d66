"""Ensembles by ranks."""

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.core.errors import ModelError
from tasks.models.anomaly_config import IsolationConfig, NeighboursConfig, PcaConfig
from tasks.models.autoencoder_config import AutoencoderConfig
from tasks.models.base import Conditions, Rows
from tasks.models.config import ModelConfig, RanksConfig, XGBoostConfig
from tasks.models.metrics import rank_rows, roc_auc
from tasks.models.ranks import Rarity
from tasks.models.zoo import MODELS

NETWORK = AutoencoderConfig(width=32, least_steps=200, most_steps=200, epochs=4)
CONFIG = RanksConfig(members=(IsolationConfig(trees=50), NeighboursConfig(), NETWORK))


def sample(rows: int, odd: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, 4)).astype(np.float32)
    table[:, 3] = table[:, 0] + 0.1 * table[:, 3]
    table[:odd, 3] += generator.choice([-4, 4], size=odd)
    return Rows(table, (np.arange(rows) < odd).astype(np.float32))


FIT, STOP, LATER = sample(800, 40, 0), sample(400, 20, 1), sample(500, 50, 2)
SCORER = MODELS["ranks"].fit(CONFIG, FIT, STOP, Conditions(0)).scorer


def test_it_finds_what_its_members_find() -> None:
    scores = SCORER.score(LATER.table)
    assert (scores.dtype, scores.shape) == (np.float32, (500,))
    assert roc_auc(rank_rows(LATER.labels, scores)) > 0.95


def test_a_row_alone_scores_as_among_others() -> None:
    alone = np.concatenate([SCORER.score(row[None]) for row in LATER.table[:40]])
    np.testing.assert_allclose(alone, SCORER.score(LATER.table[:40]), rtol=1e-4, atol=1e-5)


def test_contributions_add_up_to_the_score_and_point_at_what_is_odd() -> None:
    contributions, scores = SCORER.explain(LATER.table), SCORER.score(LATER.table)
    np.testing.assert_allclose(contributions.sum(axis=1), scores, rtol=0.02, atol=0.01)
    shares = contributions[LATER.labels == 1, :4].mean(axis=0)
    assert shares[3] == shares.max()


def test_it_is_the_same_after_saving_and_loading() -> None:
    loaded = MODELS["ranks"].load(CONFIG, SCORER.save())
    np.testing.assert_array_equal(loaded.score(LATER.table), SCORER.score(LATER.table))
    assert loaded.save() == SCORER.save()


def test_the_same_seed_gives_the_same_bytes_and_a_start_is_taken_up() -> None:
    again = MODELS["ranks"].fit(CONFIG, FIT, STOP, Conditions(0)).scorer
    assert again.save() == SCORER.save()
    warm = MODELS["ranks"].fit(CONFIG, FIT, STOP, Conditions(0, start=SCORER.save())).scorer
    assert warm.save() != SCORER.save()
    assert roc_auc(rank_rows(LATER.labels, warm.score(LATER.table))) > 0.95


def test_a_supervised_member_ranks_beside_one_of_what_is_usual() -> None:
    config = RanksConfig(members=(XGBoostConfig(rounds=40), PcaConfig()))
    scorer = MODELS["ranks"].fit(config, FIT, STOP, Conditions(0)).scorer
    assert roc_auc(rank_rows(LATER.labels, scorer.score(LATER.table))) > 0.95
    loaded = MODELS["ranks"].load(config, scorer.save())
    np.testing.assert_array_equal(loaded.score(LATER.table), scorer.score(LATER.table))


@pytest.mark.parametrize("content", [b"", b"garbage" * 9, SCORER.save()["safetensors"][:-40]])
def test_files_that_hold_no_model_are_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="Train the pipeline again"):
        MODELS["ranks"].load(CONFIG, {"safetensors": content})


def test_a_rank_is_the_share_of_usual_rows_above_and_the_tail_goes_on() -> None:
    usual = np.random.default_rng(0).exponential(size=20_000).astype(np.float32)
    rarity = Rarity.learn(usual)
    # Of an exponential distribution, minus the logarithm of the share above x is x.
    within = np.linspace(0, 2.2, 50)
    np.testing.assert_allclose(rarity.of(within), within, atol=0.05)
    beyond = rarity.of(np.array([2.4, 5.0, 50.0, 1e6]))
    assert (np.diff(beyond) > 0).all()
    assert beyond[-1] < 40  # a heavy tail: one wild member does not outvote all others


def test_scores_without_any_variation_are_ranked() -> None:
    rarity = Rarity.learn(np.full(100, 3.0, np.float32))
    assert np.isfinite(rarity.of(np.array([2.0, 3.0, 4.0, 1e30]))).all()
    assert rarity.of(np.array([4.0])) > rarity.of(np.array([3.0]))


def test_an_ensemble_of_one_or_of_ensembles_is_refused() -> None:
    for members in ([{"kind": "pca"}], [{"kind": "ranks"}, {"kind": "pca"}]):
        with pytest.raises(ValidationError):
            TypeAdapter(ModelConfig).validate_python({"kind": "ranks", "members": members})
