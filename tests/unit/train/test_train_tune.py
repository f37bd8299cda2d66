"""Tuning: what is tried, what judges it, and that a killed one goes on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from tasks.core.errors import ModelError
from tasks.core.executor import Processes
from tasks.models.base import Rows
from tasks.models.config import MlpConfig
from tasks.train.checkpoint import StoredCheckpoint
from tasks.train.config import GroupSplit, RandomSplit, TimeSplit, TrainingConfig
from tasks.train.tune import Tuned, tune
from tasks.train.tune_config import TuningConfig
from tasks.train.tune_folds import tuning_folds
from tasks.train.tune_space import Proposal, search_of
from tasks.train.tune_trial import Fold, run_trial

MLP = {"kind": "mlp", "bins": 4, "embedding": 2, "layers": 1, "width": 8, "batch_rows": 100}
RATES = {"from": 0.0003, "to": 0.03, "scale": "log"}


def config(**given: Any) -> TuningConfig:
    content = {"space": [{**MLP, "epochs": 2, "learning_rate": RATES}], "trials": 4, **given}
    return TuningConfig.model_validate(content)


def rows(count: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(count, 3)).astype(np.float32)
    odds = 3 * table[:, 0] - 2
    return Rows(table, (generator.random(count) < 1 / (1 + np.exp(-odds))).astype(np.float32))


FOLD = Fold(rows(400, 0), rows(150, 1), rows(150, 2))


class Given:
    """Folds that are at hand, as `tasks.train.tune_folds.Tuning` reads them from a store."""

    def read(self) -> list[Fold]:
        return [FOLD]


class Shelf:
    """Checkpoints in a folder, that kill the tuning at a writing of the list of trials."""

    def __init__(self, folder: Path, kill_at: int = 0) -> None:
        self.folder, self.kill_at, self.writings = folder, kill_at, 0

    def __call__(self, name: str) -> StoredCheckpoint:
        shelf = self

        class Dying(StoredCheckpoint):
            def write(self, content: bytes) -> None:
                shelf.writings += 1
                if shelf.writings == shelf.kill_at:
                    raise KeyboardInterrupt
                super().write(content)

        place = self.folder / name
        return Dying(place) if name == "trials" else StoredCheckpoint(place)


def tuned(folder: Path, **given: Any) -> Tuned:
    return tune(config(**given), Given(), 0, Shelf(folder))


def proposals(method: str, count: int, seed: int = 0, **given: Any) -> list[Proposal]:
    search = search_of(config(method=method, **given), seed)
    found = []
    for _ in range(count):
        proposal = search.propose()
        if proposal is None:
            break
        search.hear(proposal, -abs(np.log(proposal.settings.get("learning_rate", 1) / 0.003)))
        found.append(proposal)
    return found


SPACE = [
    {"kind": "tabm", "layers": {"from": 1, "to": 3}, "width": [16, 32], "heads": 2},
    {"kind": "xgboost", "depth": {"from": 2, "to": 8, "points": 2}, "learning_rate": RATES},
]


def test_a_grid_is_every_combination_of_every_kind() -> None:
    found = [(p.model.kind, dict(p.settings)) for p in proposals("grid", 99, space=SPACE)]
    assert len(found) == 3 * 2 + 2 * 3
    assert found[0] == ("tabm", {"layers": 1, "width": 16, "heads": 2})
    rates = [said["learning_rate"] for kind, said in found if kind == "xgboost"][:3]
    assert rates == pytest.approx([0.0003, 0.003, 0.03])
    assert [p.number for p in proposals("grid", 99, space=SPACE)] == list(range(12))


@pytest.mark.parametrize("method", ["random", "tpe"])
def test_proposals_lie_in_the_space_and_follow_from_the_seed(method: str) -> None:
    found = proposals(method, 30, space=SPACE)
    assert {p.model.kind for p in found} == {"tabm", "xgboost"}
    for proposal in found:
        said = proposal.settings
        assert all(getattr(proposal.model, name) == value for name, value in said.items())
        if proposal.model.kind == "tabm":
            assert said["layers"] in (1, 2, 3)
            assert said["width"] in (16, 32)
        else:
            assert 0.0003 <= said["learning_rate"] <= 0.03
    assert found == proposals(method, 30, space=SPACE)
    assert found != proposals(method, 30, seed=1, space=SPACE)


def test_tpe_comes_nearer_to_what_is_good() -> None:
    away = [abs(np.log(p.settings["learning_rate"] / 0.003)) for p in proposals("tpe", 60)]
    assert np.mean(away[-20:]) < np.mean(away[:20]) / 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trials": None}, "budget"),
        ({"space": []}, "at least 1"),
        ({"space": [{"kind": "oracle"}]}, "oracle"),
        ({"space": [{**MLP, "wings": [1]}]}, "wings"),
        ({"space": [{**MLP, "dropout": {"from": 0.5, "to": 2}}]}, "dropout"),
        ({"space": [{**MLP, "dropout": {"from": 0.5, "to": 0.1}}]}, "below"),
        ({"space": [{**MLP, "dropout": {"from": 0, "to": 0.1, "scale": "log"}}]}, "log scale"),
    ],
)
def test_a_space_that_no_model_has_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**change)


@pytest.mark.parametrize("of", ["shop.models:Sum", ["shop.models:Sum", "shop.models:Mean"]])
def test_a_space_may_be_of_models_of_ones_own(of: Any) -> None:
    (found,) = config(space=[{"kind": "own", "of": of}]).space
    assert found.model({"of": "shop.models:Sum"}).kind == "own"
    with pytest.raises(ValidationError, match="own, of: nowhere"):
        config(space=[{"kind": "own", "of": "nowhere"}])


@pytest.mark.parametrize("part", ["stop", "judge"])
def test_a_fold_without_a_positive_is_named(tmp_path: Path, part: str) -> None:
    lacking = dataclasses.replace(
        getattr(FOLD, part), labels=np.zeros_like(getattr(FOLD, part).labels)
    )
    model = MlpConfig.model_validate({**MLP, "epochs": 1})
    fold = dataclasses.replace(FOLD, **{part: lacking})
    ended = run_trial(model, [fold], 0, [()], [StoredCheckpoint(tmp_path / "kept")])
    assert (ended.state, ended.reason) == ("failed", "no positive of 150")


def test_the_best_trial_is_chosen(tmp_path: Path) -> None:
    found = tuned(tmp_path, prune=False)
    values = [trial.value for trial in found.trials]
    assert [trial.chosen for trial in found.trials].index(True) == int(np.argmax(values))
    chosen = next(trial for trial in found.trials if trial.chosen)
    assert isinstance(found.model, MlpConfig)
    assert found.model.learning_rate == json.loads(chosen.settings)["learning_rate"]
    assert {trial.state for trial in found.trials} == {"done"}
    assert found == tuned(tmp_path / "again", prune=False)


def test_a_killed_tuning_goes_on_and_ends_as_one_that_was_not(tmp_path: Path) -> None:
    whole = tuned(tmp_path / "whole", method="random")
    killed = Shelf(tmp_path / "killed", kill_at=3)
    with pytest.raises(KeyboardInterrupt):
        tune(config(method="random"), Given(), 0, killed)
    on = Shelf(tmp_path / "killed")
    assert tune(config(method="random"), Given(), 0, on) == whole
    assert on.writings == 2


def test_trials_at_a_time_try_the_same(tmp_path: Path) -> None:
    alone = tuned(tmp_path / "alone", method="random", trials=2, prune=False)
    given = config(method="random", trials=2, prune=False, parallel=2)
    with closing(Processes(2)) as processes:
        both = tune(given, Given(), 0, Shelf(tmp_path / "both"), processes)
    assert alone == both


def test_time_ends_a_tuning_after_at_least_one_trial(tmp_path: Path) -> None:
    assert len(tuned(tmp_path, trials=None, minutes=1e-9).trials) == 1


def test_a_tuning_that_used_up_its_time_is_not_shortened_when_it_is_asked_again(
    tmp_path: Path,
) -> None:
    """As by a training that was killed after it: its time is spent, what it tried is not."""
    given: dict[str, Any] = {"method": "random", "prune": False}
    whole = tuned(tmp_path, trials=3, **given)
    log = tmp_path / "trials"
    kept = json.loads(StoredCheckpoint(log).read() or b"")
    StoredCheckpoint(log).write(json.dumps({**kept, "seconds": 61}).encode())
    again = Shelf(tmp_path)
    assert tune(config(trials=9, minutes=1, **given), Given(), 0, again) == whole
    assert again.writings == 0


def test_a_tuning_of_failures_is_an_error(tmp_path: Path) -> None:
    wild = [{**MLP, "learning_rate": 1e30, "gradient_clip": 1e30}]
    with pytest.raises(ModelError, match=r"none of 2: .*not finite"):
        tuned(tmp_path, space=wild, trials=2)


def test_a_trial_that_falls_behind_is_ended(tmp_path: Path) -> None:
    model = MlpConfig.model_validate({**MLP, "epochs": 6})
    kept = StoredCheckpoint(tmp_path / "kept")
    ended = run_trial(model, [FOLD], 0, [[0.0] * 3 + [2.0] * 3], [kept])
    assert (ended.state, ended.epochs, len(ended.course[0])) == ("pruned", 4, 4)
    whole = run_trial(model, [FOLD], 0, [[2.0] * 2 + [0.0] * 4], [StoredCheckpoint(tmp_path / "b")])
    assert (whole.state, whole.epochs) == ("done", 6), "two epochs of grace, then a bar it takes"


def examples(count: int) -> pl.DataFrame:
    start = dt.datetime(2020, 1, 1)
    parts = ["fit"] * (count // 2) + ["stop"] * (count // 4) + ["calibrate"] * 3
    return pl.DataFrame(
        {
            "event_id": [f"{number:04d}" for number in range(count)],
            "event_time": [start + dt.timedelta(hours=number) for number in range(count)],
            "label": [number % 3 == 0 for number in range(count)],
            "shop": [number % 7 for number in range(count)],
            "place": [float(number) for number in range(count)],
            "part": parts + ["test"] * (count - len(parts)),
        }
    ).with_columns(pl.col("label").cast(pl.Int8))


@pytest.mark.parametrize("split", [TimeSplit(), RandomSplit(), GroupSplit(by="shop")])
@pytest.mark.parametrize("count", [0, 3])
def test_nothing_of_the_later_parts_judges_a_trial(split: Any, count: int) -> None:
    training = TrainingConfig(split=split)
    found = list(tuning_folds(examples(400), ["place"], count, training, dt.timedelta(hours=9)))
    assert len(found) == max(count, 1)
    for fold in found:
        places = [part.table[:, 0] for part in (fold.fit, fold.stop, fold.judge)]
        assert max(place.max() for place in places) < 300
        if isinstance(split, TimeSplit) and count:
            assert max(places[0].max(), places[1].max()) + 9 < places[2].min()
        if count:
            assert not set(places[2]) & {*places[0], *places[1]}
