"""The tests a feature can be put to: against shuffled labels, or against shuffled features."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from tasks.select.config import SelectionConfig
from tasks.select.gains import Gains, Grower

_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Tested:
    """The outcome of a test, one entry a feature.

    Args:
        importance: mean total gain with the true labels.
        threshold: what it had to exceed.
        hits: rounds in which it did better than chance did.
        passed: whether it passed.
    """

    importance: Gains
    threshold: Gains
    hits: NDArray[np.int64]
    passed: NDArray[np.bool_]


def null_importance(
    table: NDArray[np.float32], labels: NDArray[np.int8], config: SelectionConfig
) -> Tested:
    """Compare each feature's gain with its gains when the labels are shuffled.

    Square roots of gains vary about equally for features of few and of many values. A feature
    passes if its root lies further above its own mean under shuffling than the luckiest of all
    features came in all but a share `alpha` of the shuffles: the level holds for all together.

    Args:
        table: (n_rows, n_features) float32, NaN where missing.
        labels: (n_rows,) 0 or 1.
        config: `rounds` shuffles; `alpha`; `seed`.

    Returns:
        One entry a feature.

    Source: Altmann et al. 2010, doi:10.1093/bioinformatics/btq134; Westfall & Young 1993.
    """
    grower = Grower.of(table, config.trees)
    generator = np.random.default_rng(config.seed)
    true = np.array([grower.gains(labels, config.seed + i) for i in range(_REPEATS)])
    null = np.array(
        [
            grower.gains(generator.permutation(labels), config.seed + _REPEATS + i)
            for i in range(config.rounds)
        ]
    )
    roots = np.sqrt(null)
    # A shuffle is measured by the others' mean, as the true labels are by that of all.
    others = (roots.sum(axis=0) - roots) / (config.rounds - 1)
    luckiest = np.sort((roots - others).max(axis=1))
    allowed = int(config.alpha * (config.rounds + 1))
    # Roots before means, as under shuffling: the root of a mean is larger.
    excess = np.sqrt(true).mean(axis=0) - roots.mean(axis=0)
    threshold = (roots.mean(axis=0) + luckiest[-allowed]) ** 2
    hits = (excess > luckiest[:, None]).sum(axis=0)
    return Tested(true.mean(axis=0), threshold, hits, excess > luckiest[-allowed])


def shadow(table: NDArray[np.float32], labels: NDArray[np.int8], config: SelectionConfig) -> Tested:
    """Compare each feature's gain with that of the strongest of shuffled copies, time and again.

    Args:
        table: (n_rows, n_features) float32, NaN where missing.
        labels: (n_rows,) 0 or 1.
        config: `rounds`; `alpha`, shared among the features; `seed`.

    Returns:
        One entry a feature; it passes with more hits than a fair coin would have.

    Source: Kursa & Rudnicki 2010, doi:10.18637/jss.v036.i11.
    """
    generator = np.random.default_rng(config.seed)
    features = table.shape[1]
    gains, strongest = [], []
    for number in range(config.rounds):
        copies = generator.permuted(table, axis=0)
        grower = Grower.of(np.hstack([table, copies]), config.trees)
        both = grower.gains(labels, config.seed + number)
        gains.append(both[:features])
        strongest.append(both[features:].max())
    hits = (np.array(gains) > np.array(strongest)[:, None]).sum(axis=0)
    # binom.sf(k - 1) is the chance of k hits or more.
    passed = binom.sf(hits - 1, config.rounds, 0.5) <= config.alpha / features
    threshold = np.full(features, float(np.mean(strongest)))
    return Tested(np.mean(gains, axis=0), threshold, hits, passed)
