"""The isolation forest against scikit-learn's, and as it is stored."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest as Peer
from sklearn.metrics import roc_auc_score

from tasks.core.errors import ModelError
from tasks.models.isolation import IsolationForest, grow


def planted(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    usual = generator.normal(size=(2000, 5)) @ generator.normal(size=(5, 5))
    odd = generator.uniform(-6, 6, size=(60, 5))
    return np.vstack([usual, odd]), np.repeat([0, 1], [2000, 60])


@pytest.mark.parametrize("seed", range(3))
def test_it_finds_what_scikit_learns_forest_finds(seed: int) -> None:
    table, odd = planted(seed)
    own = grow(table, 100, 256, seed).score(table)
    peer = -Peer(n_estimators=100, random_state=seed).fit(table).score_samples(table)
    assert roc_auc_score(odd, own) > roc_auc_score(odd, peer) - 0.03
    assert np.corrcoef(own, peer)[0, 1] > 0.9
    assert own.mean() == pytest.approx(peer.mean(), abs=0.03)


def test_a_stored_forest_gives_the_same_scores_bit_by_bit() -> None:
    table, _ = planted(0)
    forest = grow(table, 20, 64, 1)
    again = IsolationForest.load(forest.save())
    np.testing.assert_array_equal(again.score(table), forest.score(table))
    assert grow(table, 20, 64, 1).save() == forest.save()
    assert grow(table, 20, 64, 2).save() != forest.save()


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_small_and_constant_tables_isolate_nothing_in_particular(rows: int) -> None:
    scores = grow(np.ones((rows, 2)), 10, 256, 0).score(np.ones((rows, 2)))
    assert len(set(scores)) == 1
    assert 0 < scores[0] <= 1
    assert len(grow(np.ones((rows, 2)), 10, 256, 0).score(np.ones((0, 2)))) == 0


def test_a_branch_that_ends_early_counts_the_steps_it_took() -> None:
    # One cut sets the far row apart; the rest is the same and is not cut again.
    table = np.array([[0.0]] * 7 + [[1.0]])
    forest = grow(table, 5, 8, 0)
    near, far = forest.score(np.array([[0.0], [1.0]]))
    assert far == pytest.approx(2 ** (-1 / forest.usual))
    assert near < far


def test_bytes_that_hold_no_forest_are_refused() -> None:
    with pytest.raises(ModelError, match="isolation forest"):
        IsolationForest.load(b"not a forest")
