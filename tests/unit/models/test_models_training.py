"""The training loop: one seed, one model, whether or not it was killed on the way."""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from killing import KilledError, Memory
from pydantic import ValidationError
from torch import Tensor, distributed, nn
from xgboost.core import XGBoostError

from tasks.core.errors import ConfigError, ModelError, ModelMemoryError
from tasks.models import launching
from tasks.models.base import Conditions, Family, Fitted, History, Rows, Target
from tasks.models.config import MlpConfig, RanksConfig, TabMConfig
from tasks.models.devices import choose_device, own_randomness
from tasks.models.image_cnn_config import ImageCnnConfig
from tasks.models.launching import fit_model
from tasks.models.progress import Progress, State, from_bytes, to_bytes
from tasks.models.schedules import cosine, one_cycle, plateau, rate_factor
from tasks.models.shards import Shard
from tasks.models.training import Objective, train_network
from tasks.models.training_config import NetworkTraining
from tasks.models.zoo import MODELS


def sample(rows: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, 4)).astype(np.float32)
    labels = table[:, 0] + table[:, 1] * table[:, 2] + generator.normal(size=rows) > 1.5
    return Rows(table, labels.astype(np.float32))


FIT, STOP = sample(400, 0), sample(200, 1)
SMALL = {"bins": 4, "embedding": 2, "layers": 2, "batch_rows": 50, "epochs": 4}


class Line(nn.Module):
    """y = w x, to be fitted to y = 2 x."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1))
        self.frozen = nn.Parameter(torch.ones(2), requires_grad=False)


def train_line(
    loss: Callable[[Line, Tensor], Tensor] | None = None,
    metric: Callable[[Line], float] | None = None,
    **settings: object,
) -> tuple[Line, History]:
    line = Line()

    def squares(line: Line, rows: Tensor) -> Tensor:
        x = rows.float() / 10
        return ((line.weight[0, 0] - 2) * x).square().mean()

    objective = Objective(
        lambda rows: (loss or squares)(line, rows),
        lambda: (metric or (lambda line: -abs(line.weight.item() - 2)))(line),
        rows=20,
    )
    given = {"batch_rows": 5, "schedule": "constant", "weight_decay": 0, "precision": "float32"}
    config = NetworkTraining.model_validate(given | settings)
    return line, train_network(line, objective, config, Conditions(0))


@pytest.mark.parametrize("kill_at", [1, 3, 8, 9, 20, 32])
@pytest.mark.parametrize("kind", ["tabm", "mlp"])
def test_a_killed_training_goes_on_to_the_same_weights(kind: str, kill_at: int) -> None:
    """Killed in the middle of an epoch, at its end, and at the very last step."""
    given = {**SMALL, "dropout": 0.2, "checkpoint_seconds": 0}
    config = {
        "tabm": TabMConfig(heads=2, width=8, **given),
        "mlp": MlpConfig(width=8, **given),
    }[kind]
    whole = MODELS[kind].fit(config, FIT, STOP, Conditions(5))
    memory = Memory(kill_at)
    with pytest.raises(KilledError):
        MODELS[kind].fit(config, FIT, STOP, Conditions(5, memory))
    torch.rand(7)
    resumed = MODELS[kind].fit(config, FIT, STOP, Conditions(5, memory))
    assert memory.writes <= 4 * 8 + 3  # 4 epochs of 8 steps: none was repeated
    assert resumed.scorer.save() == whole.scorer.save()
    assert resumed.history == whole.history


@pytest.mark.parametrize(
    "other",
    [{"learning_rate": 1e-3}, {"width": 9}, {"seed": 6}, {"rows": sample(399, 0)}],
    ids=lambda other: next(iter(other)),
)
def test_a_checkpoint_of_another_training_is_not_taken_up(other: Mapping[str, object]) -> None:
    memory = Memory(kill_at=3)
    config = MlpConfig(width=8, checkpoint_seconds=0, **SMALL)
    with pytest.raises(KilledError):
        MODELS["mlp"].fit(config, FIT, STOP, Conditions(5, memory))
    changes = dict(other)
    seed, rows = changes.pop("seed", 5), changes.pop("rows", FIT)
    config = config.model_copy(update=changes)
    expected = MODELS["mlp"].fit(config, rows, STOP, Conditions(seed))
    found = MODELS["mlp"].fit(config, rows, STOP, Conditions(seed, memory))
    assert found.scorer.save() == expected.scorer.save()


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 9, b"cos\nsystem\n(S'true'\ntR."])
def test_bytes_that_are_no_checkpoint_are_nothing(content: bytes | None) -> None:
    assert from_bytes(content) == {}
    memory = Memory()
    memory.content = content
    config = MlpConfig(width=8, **{**SMALL, "epochs": 1})
    MODELS["mlp"].fit(config, FIT, STOP, Conditions(5, memory))
    assert [state.progress.kept for state in from_bytes(memory.content).values()] == [1]


def test_a_damaged_checkpoint_is_nothing() -> None:
    content = to_bytes({"task": State(Progress(), {"module": {"weight": torch.ones(3)}})})
    assert from_bytes(content[:-1]) == {}


def test_several_networks_share_a_checkpoint() -> None:
    """As members of an ensemble do: what is finished is not trained again."""
    config = MlpConfig(width=8, checkpoint_seconds=0, **SMALL)
    memory = Memory(kill_at=33 + 5)  # the first takes 32 steps and its end

    def both(memory: Memory | None) -> list[Fitted]:
        return [MODELS["mlp"].fit(config, FIT, STOP, Conditions(seed, memory)) for seed in (1, 2)]

    with pytest.raises(KilledError):
        both(memory)
    resumed = both(memory)
    assert memory.writes == 33 + 33
    for one, other in zip(resumed, both(None), strict=True):
        assert (one.history, one.scorer.save()) == (other.history, other.scorer.save())


def test_a_finished_training_is_not_done_again() -> None:
    memory = Memory()
    config = MlpConfig(width=8, **SMALL)
    first = MODELS["mlp"].fit(config, FIT, STOP, Conditions(5, memory))
    assert memory.writes == 1
    again = MODELS["mlp"].fit(config, FIT, STOP, Conditions(5, memory))
    assert (again.history, again.scorer.save()) == (first.history, first.scorer.save())


def test_the_epochs_after_the_best_are_forgotten() -> None:
    line, history = train_line(epochs=200, learning_rate=0.05, patience=3)
    assert history.ended == "no better stop metric for 3 epochs"
    assert history.kept == len(history.epochs) - 3
    assert -abs(line.weight.item() - 2) == history.epochs[history.kept - 1].stop_metric
    assert not line.training


def test_what_needs_no_gradient_stays_as_it_is() -> None:
    line, _ = train_line(epochs=2)
    assert line.frozen.tolist() == [1, 1]
    assert not line.frozen.requires_grad


def test_a_loss_that_is_no_number_ends_with_the_last_good_state() -> None:
    seen: list[float] = []

    def poisoned(line: Line, rows: Tensor) -> Tensor:
        seen.append(line.weight.item())
        return (line.weight.sum() - 2).square() * (math.nan if len(seen) == 10 else 1)

    line, history = train_line(poisoned, epochs=9)
    assert history.ended == "the loss of epoch 3 was not finite"
    assert (history.kept, line.weight.item()) == (2, seen[8])


def test_a_stop_metric_that_is_no_number_ends_with_the_last_good_state() -> None:
    measured = iter([1.0, 2.0, math.nan])
    _, history = train_line(metric=lambda _: next(measured), epochs=9)
    assert history.ended == "the stop metric of epoch 3 is not finite"
    assert history.kept == 2


def test_a_training_without_one_good_epoch_is_an_error() -> None:
    with pytest.raises(ModelError, match="epoch 1 was not finite"):
        train_line(lambda line, _: line.weight.sum() * math.inf)


def test_a_loss_that_grows_tenfold_diverged() -> None:
    steps = iter(range(1000))

    def growing(line: Line, _: Tensor) -> Tensor:
        return line.weight.sum() * 0 + 2.0 ** next(steps)

    _, history = train_line(growing, epochs=30)
    assert history.ended == "the loss of epoch 2 is 60: it diverged"


def test_penalties_pull_weights_to_nothing() -> None:
    """Where the last epoch is kept, whatever it came to; x² is 1.235 on average."""
    rising = map(float, count())
    plain, ridge, lasso = (
        train_line(epochs=60, learning_rate=0.02, metric=lambda _: next(rising), **penalty)[0]
        for penalty in ({}, {"l2": 2.0}, {"l1": 50.0})
    )
    assert plain.weight.item() == pytest.approx(2, abs=0.01)
    assert ridge.weight.item() == pytest.approx(2 * 2.47 / (2.47 + 2), abs=0.1)
    assert abs(lasso.weight.item()) < 0.05


def test_training_begins_with_the_weights_of_an_earlier_model() -> None:
    config = MlpConfig(width=8, **SMALL)
    earlier = MODELS["mlp"].fit(config, FIT, STOP, Conditions(5)).scorer.save()
    gentle = config.model_copy(update={"learning_rate": 1e-9, "epochs": 1})
    started = MODELS["mlp"].fit(gentle, FIT, STOP, Conditions(6, start=earlier)).scorer
    expected = MODELS["mlp"].load(config, earlier).score(STOP.table)
    np.testing.assert_allclose(started.score(STOP.table), expected, atol=1e-4)


def test_values_of_another_level_are_learned_from_an_earlier_model() -> None:
    """What a value is measured in is learned from the new rows, not taken over with the weights."""
    level = Target("value")
    fit, stop = (Rows(rows.table, 10 * rows.table[:, 0] + 50, target=level) for rows in (FIT, STOP))
    config = MlpConfig(width=8, **SMALL)
    earlier = MODELS["mlp"].fit(config, fit, stop, Conditions(5)).scorer.save()
    later, held = (dataclasses.replace(rows, labels=rows.labels + 100) for rows in (fit, stop))
    found = MODELS["mlp"].fit(config, later, held, Conditions(6, start=earlier)).scorer
    assert found.score(held.table).mean() == pytest.approx(150, abs=5)


@pytest.mark.parametrize("files", [{}, {"safetensors": b"garbage"}])
def test_weights_that_are_none_cannot_be_begun_with(files: Mapping[str, bytes]) -> None:
    with pytest.raises(ModelError, match="to begin with"):
        MODELS["mlp"].fit(MlpConfig(width=8, **SMALL), FIT, STOP, Conditions(6, start=files))


def test_weights_of_another_shape_cannot_be_begun_with() -> None:
    config = MlpConfig(width=8, **SMALL)
    earlier = MODELS["mlp"].fit(config, FIT, STOP, Conditions(5)).scorer.save()
    wider = config.model_copy(update={"width": 9})
    with pytest.raises(ModelError, match="size mismatch"):
        MODELS["mlp"].fit(wider, FIT, STOP, Conditions(6, start=earlier))


def test_dropout_leaves_torchs_own_generator_as_it_was() -> None:
    config = MlpConfig(width=8, dropout=0.5, **SMALL)
    torch.default_generator.manual_seed(3)
    before = torch.get_rng_state()
    MODELS["mlp"].fit(config, FIT, STOP, Conditions(5))
    assert torch.equal(torch.get_rng_state(), before)
    with own_randomness(4, torch.device("cpu")):
        drawn = torch.rand(3)
    with own_randomness(4, torch.device("cpu")):
        assert torch.equal(torch.rand(3), drawn)


def test_a_device_that_is_not_there_is_refused() -> None:
    absent = "mps" if torch.cuda.is_available() else "cuda"
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(ConfigError, match="Set it to auto"):
        choose_device(absent)


@pytest.mark.parametrize("schedule", ["coslog4", "cosine", "one_cycle", "plateau", "constant"])
def test_every_schedule_stays_between_nothing_and_the_peak(schedule: str) -> None:
    config = NetworkTraining.model_validate({"schedule": schedule, "warm_up": 0.1})
    factors = [rate_factor(config, step / 1000, [0.5]) for step in range(1000)]
    assert min(factors) >= 0
    assert max(factors) == pytest.approx(1, abs=0.03)
    assert factors[0] == 0


def test_schedules_have_their_shapes() -> None:
    assert (cosine(0), cosine(0.5), cosine(1)) == pytest.approx((1, 0.5, 0))
    assert (one_cycle(0), one_cycle(0.3), one_cycle(1)) == pytest.approx((1 / 25, 1, 1e-4))
    assert plateau([0.1, 0.2, 0.3], 2) == 1
    assert plateau([0.3, 0.2, 0.3], 2) == 0.5
    assert plateau([0.3, 0.2, 0.3, 0.1, 0.1], 2) == 0.25
    assert plateau([0.3, 0.2, 0.4, 0.1], 2) == 1


@pytest.mark.parametrize("schedule", ["cosine", "one_cycle", "plateau", "constant"])
def test_a_network_learns_under_every_schedule(schedule: str) -> None:
    settings = {**SMALL, "epochs": 8, "learning_rate": 0.02}
    config = MlpConfig(width=16, schedule=schedule, warm_up=0.1, **settings)
    history = MODELS["mlp"].fit(config, FIT, STOP, Conditions(0)).history
    assert history.epochs[history.kept - 1].stop_metric > 2 * STOP.labels.mean()


def test_two_processes_train_as_one_does() -> None:
    """Each batch is the same, and its gradient the mean over both halves: the same network."""
    config = MlpConfig(
        width=8, precision="float32", device="cpu", **{**SMALL, "batch_rows": 57, "epochs": 2}
    )  # 400 = 7 x 57 + 1: the last batch has no row for the second process
    rows = Rows(FIT.table[:399], FIT.labels[:399])
    alone = fit_model(config, rows, STOP, Conditions(5))
    together = fit_model(config.model_copy(update={"devices": 2}), rows, STOP, Conditions(5))
    expected = alone.scorer.score(STOP.table)
    np.testing.assert_allclose(together.scorer.score(STOP.table), expected, atol=1e-4)
    assert together.history.kept == alone.history.kept
    for one, other in zip(together.history.epochs, alone.history.epochs, strict=True):
        assert (one.loss, one.stop_metric) == pytest.approx((other.loss, other.stop_metric), 1e-4)


def _is_killed(*_: object) -> None:
    os._exit(9)


def test_a_killed_process_is_an_error_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that the fallback scores."""
    config = MlpConfig(width=8, device="cpu", devices=2, **SMALL)
    monkeypatch.setattr(launching, "_join", _is_killed)
    with pytest.raises(ModelError, match="BrokenProcessPool"):
        fit_model(config, FIT, STOP, Conditions(5))


@pytest.mark.parametrize(
    ("error", "is_memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 8 GiB"), True),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (XGBoostError("std::bad_alloc"), True),
        (XGBoostError("bad allocation"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (MemoryError(), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (XGBoostError("Check failed: label.size() == num_row"), False),
    ],
)
def test_a_lack_of_memory_is_told_as_such_and_nothing_else_is(
    monkeypatch: pytest.MonkeyPatch, error: Exception, is_memory: bool
) -> None:
    def full(*_: object) -> Fitted:
        raise error

    config = MlpConfig(width=8, device="cpu", **SMALL)
    monkeypatch.setattr(launching, "MODELS", {"mlp": Family(full, MODELS["mlp"].load)})
    with pytest.raises(ModelMemoryError if is_memory else type(error)) as caught:
        fit_model(config, FIT, STOP, Conditions(5))
    if is_memory:
        assert (caught.value.where, caught.value.__cause__) == ("model.kind mlp", error)
        assert "batch_rows" in caught.value.do


def _shares_of_a_batch(rank: int, meeting: str, trim: float, expected: Tensor) -> None:
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    line = Line()
    shard = Shard(torch.device("cpu"))

    def loss(rows: Tensor) -> Tensor:
        return shard.trimmed_mean(_misses(line, rows), trim)

    together = shard.loss(line, loss)
    together(torch.arange(11)).backward()
    assert torch.allclose(line.weight.grad, expected)


def _misses(line: Line, rows: Tensor) -> Tensor:
    """Of rows whose losses do not lie evenly on both shares: the largest are all of the second."""
    return (line.weight[0, 0] - 2 - rows % 2 * rows).square()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("trim", [0.0, 0.4, 0.95])
def test_two_processes_leave_out_the_losses_that_one_leaves_out(
    trim: float, tmp_path: Path
) -> None:
    """The threshold is of the whole batch: so are the gradients."""
    line = Line()
    alone = Shard(torch.device("cpu"))
    alone.trimmed_mean(_misses(line, torch.arange(11)), trim).backward()
    children = []
    for rank in range(2):
        children.append(os.fork())
        if children[-1] == 0:
            code = 1
            try:
                _shares_of_a_batch(rank, f"file://{tmp_path}/meeting", trim, line.weight.grad)
                code = 0
            finally:
                os._exit(code)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]


def test_several_processes_are_refused_where_they_would_train_something_else() -> None:
    with pytest.raises(ValidationError, match="devices"):
        ImageCnnConfig(devices=2)
    with pytest.raises(ValidationError, match="mixup with devices above 1"):
        MlpConfig(devices=2, mixup=0.2)
    with pytest.raises(
        ValidationError, match="mlp: a member of another model is trained in one process"
    ):
        RanksConfig(members=(MlpConfig(devices=2), TabMConfig()))


def test_an_error_of_one_of_several_processes_is_told() -> None:
    wild = MlpConfig(
        width=8, device="cpu", devices=2, **{**SMALL, "learning_rate": 1e30, "gradient_clip": 1e30}
    )
    with pytest.raises(ModelError, match="not finite"):
        fit_model(wild, FIT, STOP, Conditions(5))
