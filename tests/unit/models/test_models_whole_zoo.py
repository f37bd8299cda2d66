"""What every kind of the mapping MODELS holds to: one that is added is held to it as well."""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from tasks.models.base import Checkpoint, Conditions, Fitted
from tasks.models.config import EnsembleConfig
from tasks.models.stored import tensors_of
from tasks.models.training_config import NetworkTraining
from tasks.models.zoo import MODELS, SUPERVISED
from tasks.train.checkpoint import StoredCheckpoint
from tests.zoo_sample import SETTINGS, TARGETS, config_of, rows_of

CASES = (
    *itertools.product(SUPERVISED, TARGETS),
    *((k, "binary") for k in MODELS if k not in SUPERVISED),
)


def fit(kind: str, target: str = "binary", checkpoint: Checkpoint | None = None) -> Fitted:
    rows, stop = rows_of(128, 0, target), rows_of(64, 1, target)
    return MODELS[kind].fit(config_of(kind), rows, stop, Conditions(5, checkpoint))


def test_every_kind_has_settings() -> None:
    assert set(SETTINGS) == set(MODELS)


@pytest.mark.parametrize(("kind", "target"), CASES)
def test_the_same_seed_gives_the_same_bytes(kind: str, target: str) -> None:
    first = fit(kind, target)
    torch.rand(3)  # the global generator has no part in it
    again = fit(kind, target)
    assert again.scorer.save() == first.scorer.save()
    assert again.history == first.history


class Deadly:
    """A checkpoint whose process kills itself, as nothing can hinder, after some writings."""

    def __init__(self, path: Path, kill_at: int = 0) -> None:
        self.kept, self.writings, self.kill_at = StoredCheckpoint(path), 0, kill_at

    def read(self) -> bytes | None:
        return self.kept.read()

    def write(self, content: bytes) -> None:
        self.kept.write(content)
        self.writings += 1
        if self.writings == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


QUICK = {"tabm", "image_cnn", "recurrent", "gan", "ensemble"}  # the others with the slow
EACH = [kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow) for kind in MODELS]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", EACH)
def test_a_training_killed_by_force_goes_on_to_the_same_bytes(kind: str, tmp_path: Path) -> None:
    """In the first epoch, and later; what keeps no state is fitted anew, which is held above."""
    counting = Deadly(tmp_path / "whole")
    whole = fit(kind, checkpoint=counting)
    config = config_of(kind)
    is_network = any(
        isinstance(each, NetworkTraining) for each in (config, *getattr(config, "members", ()))
    )
    assert (counting.writings > 3) == is_network
    for kill_at in (1, counting.writings // 2 + 1, counting.writings) if is_network else ():
        path = tmp_path / str(kill_at)
        child = os.fork()
        if child == 0:
            try:
                fit(kind, checkpoint=Deadly(path, kill_at))
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
        resumed = fit(kind, checkpoint=Deadly(path))
        assert resumed.scorer.save() == whole.scorer.save()
        assert resumed.history == whole.history


def test_bags_learn_from_rows_of_their_own() -> None:
    """Around any kind: a linear model draws nothing, so only its rows can set two apart."""
    rows, stop = rows_of(128, 0), rows_of(64, 1)
    linear = {"kind": "linear", **SETTINGS["linear"]}
    config = EnsembleConfig.model_validate({"members": [linear], "bags": 3})
    scorer = MODELS["ensemble"].fit(config, rows, stop, Conditions(5)).scorer
    tensors = tensors_of(scorer.save()["safetensors"])
    files = {bytes(tensors[f"{number}/safetensors"].numpy()) for number in range(3)}
    assert len(files) == 3
    with pytest.raises(ValidationError, match="two members, or two bags"):
        EnsembleConfig.model_validate({"members": [linear]})
