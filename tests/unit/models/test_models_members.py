"""Models within a model: each by a seed of its own where it would be the twin of another."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tasks.models.base import AT_ONCE, Conditions, Epoch, Family, Fitted, History, Rows
from tasks.models.linear_config import LinearConfig
from tasks.models.members import fit_members
from tasks.models.mlp_config import MlpConfig
from tasks.models.tree_config import TreeConfig

ROWS = Rows(np.zeros((4, 1), np.float32), np.zeros(4, np.float32))
LEARNED = History((Epoch(1, 0.5, 0.7),), 1, "patience")


def test_twins_learn_by_other_seeds_and_what_a_network_learned_is_told() -> None:
    seeds: list[int] = []

    def fit(config: Any, _fit: Rows, _stop: Rows, conditions: Conditions) -> Fitted:
        seeds.append(conditions.seed)
        return Fitted(SimpleNamespace(), LEARNED if config.kind == "mlp" else AT_ONCE)  # type: ignore[arg-type]

    models = dict.fromkeys(("linear", "mlp", "tree"), Family(fit, lambda *_: None))  # type: ignore[arg-type, return-value]
    members = [TreeConfig(), MlpConfig(), MlpConfig(width=32), MlpConfig(), LinearConfig()]
    _, history = fit_members(models, members, ROWS, ROWS, Conditions(5))
    assert seeds[:3] == [5, 5, 5]
    assert seeds[3] != 5, "the second of two equal ones"
    assert seeds[4] == 5
    assert (history.epochs, history.kept) == (LEARNED.epochs, LEARNED.kept)
    assert history.ended.count("mlp: patience") == 3
