"""Private training: the budget is kept, the noise is there, and no other model slips by."""

from __future__ import annotations

import dataclasses
import functools
import sys
from typing import Any

import numpy as np
import pytest
import torch

from tasks.core.errors import ConfigError
from tasks.models.base import Conditions, Fitted, Rows, Target
from tasks.models.config import MlpConfig, XGBoostConfig
from tasks.models.launching import fit_model
from tasks.models.privacy import PRIVATE_KINDS, Privacy, check_private
from tasks.models.private_steps import PrivateSteps
from tasks.models.resnet_config import ResNetConfig
from tasks.models.sequence_config import RecurrentConfig, SequenceCnnConfig
from tasks.models.tabm_config import TabMConfig
from tasks.models.transformer_config import TransformerConfig

pytest.importorskip("opacus", reason="the extra private is not installed")

SMALL: dict[str, Any] = {"bins": 4, "embedding": 2, "layers": 1, "epochs": 3, "batch_rows": 100}
MLP = MlpConfig(**SMALL, width=8)
BUDGET = Privacy(3.0, 1e-5, 1.0, bytes(32))


def rows(count: int, seed: int, target: str = "binary") -> Rows:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(count, 3)).astype(np.float32)
    chance = 1 / (1 + np.exp(-3 * table[:, 0]))
    labels = (generator.random(count) < chance).astype(np.float32)
    if target == "value":
        return Rows(table, table[:, 0].copy(), (), Target("value"))
    if target == "classes":
        return Rows(table, labels, (), Target("classes", ("a", "b")))
    return Rows(table, labels)


FIT, STOP = rows(600, 0), rows(200, 1)


@functools.cache
def usual() -> Fitted:
    """A training that several tests look at."""
    return fitted(BUDGET)


def fitted(privacy: Privacy | None, config: Any = MLP, **given: Any) -> Fitted:
    return fit_model(config, FIT, STOP, Conditions(0, privacy=privacy, **given))


def test_what_is_spent_stays_within_the_budget_and_near_it() -> None:
    spent = usual().history.spent
    assert spent is not None
    assert 0.9 * BUDGET.epsilon < spent.epsilon <= BUDGET.epsilon
    assert (spent.delta, spent.max_grad_norm) == (BUDGET.delta, BUDGET.max_grad_norm)
    assert (spent.steps, spent.sample_rate) == (3 * 6, pytest.approx(1 / 6))
    assert fitted(None).history.spent is None


def test_a_training_that_stops_early_spends_less() -> None:
    whole = PrivateSteps(*_network(), 600, MLP, BUDGET, torch.device("cpu"))
    assert whole.spent(6).epsilon < whole.spent(18).epsilon <= BUDGET.epsilon
    assert whole.spent(0).epsilon == 0.0


def test_a_smaller_budget_has_more_noise() -> None:
    noise = [
        PrivateSteps(*_network(), 600, MLP, dataclasses.replace(BUDGET, epsilon=epsilon), CPU)
        for epsilon in (1, 3, 8)
    ]
    first, second, third = (each.noise_multiplier for each in noise)
    assert first > second > third > 0


CPU = torch.device("cpu")


def _network() -> tuple[torch.nn.Module, Any]:
    """Two weights, and a loss whose gradient by row is the row."""
    module = torch.nn.Linear(2, 1, bias=False)
    table = torch.tensor([[3.0, 4.0], [0.3, 0.4], [-60.0, -80.0]]).repeat(200, 1)
    return module, lambda positions: module(table[positions]).mean()


def test_each_row_s_gradient_is_clipped_before_they_are_summed() -> None:
    module, loss = _network()
    quiet = dataclasses.replace(BUDGET, epsilon=1e7)
    steps = PrivateSteps(module, loss, 600, MLP, quiet, CPU)
    steps.noise_multiplier = 0.0
    steps.give_gradients(torch.tensor([0, 1, 2]))
    expected = torch.tensor([[0.6 + 0.3 - 0.6, 0.8 + 0.4 - 0.8]]) / 100
    assert module.weight.grad is not None
    torch.testing.assert_close(module.weight.grad, expected, rtol=1e-4, atol=1e-7)


def test_the_noise_has_the_deviation_that_the_accountant_was_told() -> None:
    module = torch.nn.Linear(400, 50, bias=False)
    steps = PrivateSteps(module, lambda p: 0 * module.weight.sum() + p.sum(), 600, MLP, BUDGET, CPU)
    steps.give_gradients(torch.tensor([], dtype=torch.int64))
    assert module.weight.grad is not None
    deviation = module.weight.grad.std().item() * 100
    assert deviation == pytest.approx(steps.noise_multiplier * BUDGET.max_grad_norm, rel=0.05)


def test_rows_are_drawn_each_by_a_chance_of_its_own() -> None:
    steps = PrivateSteps(*_network(), 600, MLP, BUDGET, CPU)
    sizes = [len(b) for _ in range(50) for b in steps.draw(torch.Generator().manual_seed(_))]
    assert np.mean(sizes) == pytest.approx(100, rel=0.03)
    assert np.std(sizes) == pytest.approx(np.sqrt(600 * (1 / 6) * (5 / 6)), rel=0.2)


def test_another_seed_gives_other_noise_and_the_same_gives_the_same() -> None:
    table = STOP.table
    first = usual().scorer.score(table)
    np.testing.assert_array_equal(first, fitted(BUDGET).scorer.score(table))
    other = dataclasses.replace(BUDGET, seed=b"1" * 32)
    assert np.abs(first - fitted(other).scorer.score(table)).max() > 0.01


def test_with_a_huge_budget_a_model_comes_near_one_without() -> None:
    def auc(made: Fitted) -> float:
        return made.history.epochs[made.history.kept - 1].stop_metric

    without = auc(fitted(None))
    huge = dataclasses.replace(BUDGET, epsilon=1e6, max_grad_norm=100.0)
    tiny = dataclasses.replace(BUDGET, epsilon=0.3)
    assert auc(fitted(huge)) > without - 0.03
    assert auc(fitted(tiny)) < without - 0.1


class Memory:
    """A checkpoint that kills the training at a writing."""

    def __init__(self, kill_at: int) -> None:
        self.kept: bytes | None = None
        self.writings, self.kill_at = 0, kill_at

    def read(self) -> bytes | None:
        return self.kept

    def write(self, content: bytes) -> None:
        self.writings += 1
        self.kept = content
        if self.writings == self.kill_at:
            raise KeyboardInterrupt


def test_a_killed_training_goes_on_with_the_noise_where_it_was() -> None:
    config = MLP.model_copy(update={"checkpoint_seconds": 0.0})
    memory = Memory(kill_at=8)
    with pytest.raises(KeyboardInterrupt):
        fitted(BUDGET, config, checkpoint=memory)
    on = fitted(BUDGET, config, checkpoint=memory)
    assert on.history == usual().history
    np.testing.assert_array_equal(on.scorer.score(STOP.table), usual().scorer.score(STOP.table))


BRIEF = {**SMALL, "epochs": 1, "batch_rows": 50}
TABM = TabMConfig(**BRIEF, heads=2, width=8, dropout=0.1)
RESNET = ResNetConfig(**BRIEF, width=8)
TRANSFORMER = TransformerConfig(**{**BRIEF, "embedding": 4}, heads=2)
BRIEF_MLP = MlpConfig(**BRIEF, width=8)


@pytest.mark.parametrize(
    ("config", "target"),
    [
        (TABM, "binary"),
        (RESNET, "binary"),
        pytest.param(TRANSFORMER, "binary", marks=pytest.mark.slow),
        (BRIEF_MLP, "classes"),
        (BRIEF_MLP, "value"),
    ],
    ids=lambda each: getattr(each, "kind", each),
)
def test_every_kind_keeps_a_budget_whatever_the_labels(config: Any, target: str) -> None:
    parts = [rows(count, seed, target) for seed, count in enumerate((100, 50))]
    made = fit_model(config, *parts, Conditions(0, privacy=BUDGET))
    assert made.history.spent is not None
    assert np.isfinite(made.scorer.score(STOP.table)).all()


def test_a_network_on_sequences_keeps_a_budget() -> None:
    names = tuple(f"s.x@{step}" for step in range(-4, 0))
    parts = [rows(count, seed) for seed, count in enumerate((100, 50))]
    made = [Rows(np.tile(each.table[:, :1], 4), each.labels, names) for each in parts]
    assert (
        fit_model(SequenceCnnConfig(**BRIEF), *made, Conditions(0, privacy=BUDGET)).history.spent
        is not None
    )


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (XGBoostConfig(), "kind xgboost"),
        (RecurrentConfig(), "kind recurrent"),
        (MLP.model_copy(update={"devices": 2}), "devices"),
        (MLP.model_copy(update={"sampling": "balanced"}), "sampling balanced"),
        (MLP.model_copy(update={"class_weights": "balanced"}), "class_weights balanced"),
        (MLP.model_copy(update={"mixup": 0.2}), "mixup"),
    ],
)
def test_what_cannot_keep_a_budget_is_refused_by_name(config: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        fitted(BUDGET, config)
    others = (MLP, TABM, RESNET, TRANSFORMER, SequenceCnnConfig())
    for each in others:
        check_private(each)
    assert {each.kind for each in others} == PRIVATE_KINDS


def test_a_delta_that_would_let_rows_be_told_is_refused() -> None:
    with pytest.raises(ConfigError, match="below one over the 600"):
        fitted(dataclasses.replace(BUDGET, delta=0.01))


def test_a_budget_that_no_noise_can_keep_is_refused() -> None:
    with pytest.raises(ConfigError, match="Raise epsilon"):
        fitted(dataclasses.replace(BUDGET, epsilon=0.01))


def test_without_the_package_an_error_says_what_to_install(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "opacus.accountants.utils", None)
    with pytest.raises(ConfigError, match=r"lamplighter\[private\]"):
        fitted(BUDGET)
