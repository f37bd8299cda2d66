"""A bundle gives back what was saved, and nothing that was not."""

import dataclasses
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from tasks.core.artifacts import Model, Ref
from tasks.core.commit import commit, open_run
from tasks.core.errors import IntegrityError, ModelError
from tasks.core.keys import digest_bytes
from tasks.core.results import Selection, Verdict
from tasks.core.store import Store
from tasks.core.treatments import (
    Carry,
    Conversion,
    Drop,
    Fence,
    Fill,
    Grouping,
    Isolation,
    Prediction,
    Preparation,
    Scaling,
    Stored,
)
from tasks.models import bundle
from tasks.models.base import Conditions, Rows
from tasks.models.bundle import Facts, FittedModel, Member
from tasks.models.calibration import Calibration
from tasks.models.config import ModelConfig, TabMConfig, XGBoostConfig
from tasks.models.records import Curve, Metric, PartCount, TrainingReference
from tasks.models.zoo import MODELS

FILES = {"prepare-v.ubj": b"trees", "prepare-isolation.safetensors": b"forest"}
TREATMENTS = (
    Conversion("amount", "f64"),
    Fence("amount", "iqr", None, 9.0, "clip"),
    Isolation(
        "isolation",
        ("amount", "visits"),
        (0.5, 2.0),
        0.6,
        Stored("prepare-isolation.safetensors", digest_bytes(b"forest")),
        "mark",
    ),
    Grouping("name", ("a", "b"), "(rare)"),
    Drop("place"),
    Fill("amount", "median", 1.5),
    Fill("count", "constant", 2, indicator=True),
    Fill("flag", "mode", True),
    Fill("name", "mode", "?"),
    Carry("rate", "forward", ("name",), 3600.0),
    Prediction("visits", ("amount",), (), Stored("prepare-v.ubj", digest_bytes(b"trees"))),
    Prediction("kind", ("amount",), ("x", "y"), Stored("prepare-v.ubj", digest_bytes(b"trees"))),
    Scaling("amount", "quantile_normal", knots=(0.0, 1.0)),
)


def member(config: ModelConfig) -> Member:
    generator = np.random.default_rng(0)
    rows = Rows(
        generator.normal(size=(200, 2)).astype(np.float32), np.tile([0, 1], 100).astype(np.float32)
    )
    fitted = MODELS[config.kind].fit(config, rows, rows, Conditions(0))
    calibration = Calibration(
        "isotonic", np.array([0.0, 1.0]), np.array([0.1, 0.9]), np.arange(5.0)
    )
    return Member(config, fitted.scorer, calibration, fitted.history)


def facts() -> Facts:
    verdict = Verdict("amount", 0.25, 0.125, 5, 5, True, "beats its shadow")
    return Facts(
        pipeline="retail",
        features=("amount", "visits"),
        preparation=Preparation(TREATMENTS),
        selection=Selection("shadow", (verdict,)),
        reference=TrainingReference("a", "b", "c", "d", 7, "e", "f", "g", {"uri": "sha"}),
        parts=(PartCount("fit", 10, 2),),
        metrics=(Metric("tabm", "test", "roc_auc", 0.75, None, 0.9, 10),),
        curves=(Curve("tabm", "test", "roc", (0.0, 1.0), (0.0, 1.0)),),
        usual={"amount": (0.5, 2.5)},
    )


@pytest.fixture
def fitted() -> FittedModel:
    network = TabMConfig(bins=2, embedding=2, layers=1, heads=2, width=4, epochs=1, threads=1)
    fallback = member(XGBoostConfig(rounds=3, threads=1))
    return FittedModel(facts(), member(network), fallback, FILES)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def saved(store: Store, fitted: FittedModel) -> Ref[Model]:
    with open_run(store, "retail", "models", "attempt") as run:
        ref, files = bundle.save(run, fitted)
        commit(run, {})
    assert ref in files
    return ref


def test_a_bundle_comes_back_whole(store: Store, fitted: FittedModel) -> None:
    back = bundle.load(store, saved(store, fitted))
    assert back.facts == fitted.facts
    kinds = [type(value) for value in (back.facts.preparation.treatments[6].value, True)]
    assert kinds == [int, bool]
    assert back.prepare_files == fitted.prepare_files
    table = np.random.default_rng(1).normal(size=(9, 2)).astype(np.float32)
    for before, after in ((fitted.model, back.model), (fitted.fallback, back.fallback)):
        assert (after.config, after.history) == (before.config, before.history)
        np.testing.assert_array_equal(after.scorer.score(table), before.scorer.score(table))
        scores = np.linspace(-1, 6, 15)
        for method in ("probability", "p_value"):
            np.testing.assert_array_equal(
                getattr(after.calibration, method)(scores),
                getattr(before.calibration, method)(scores),
            )


def test_the_version_is_the_digest_of_the_content(store: Store, fitted: FittedModel) -> None:
    ref = saved(store, fitted)
    assert ref.uri == f"models/retail/{ref.sha256[:12]}/model.json"
    other = dataclasses.replace(fitted, facts=dataclasses.replace(fitted.facts, usual={}))
    assert saved(store, other).uri != ref.uri


def test_a_bundle_whose_training_failed_has_the_fallback_alone(
    store: Store, fitted: FittedModel
) -> None:
    failed = dataclasses.replace(fitted.facts, failure="the loss was not finite")
    ref = saved(store, FittedModel(failed, None, fitted.fallback, FILES))
    assert bundle.load(store, ref).model is None
    with pytest.raises(ModelError, match="the loss was not finite"):
        bundle.open_bundle(store, ref).read("model")


@pytest.mark.parametrize(
    "name",
    [
        "model.json",
        "model.safetensors",
        "model-calibration.safetensors",
        "fallback.ubj",
        "fallback-calibration.safetensors",
        "prepare-v.ubj",
        "prepare-isolation.safetensors",
    ],
)
def test_no_changed_file_is_parsed(store: Store, fitted: FittedModel, name: str) -> None:
    ref = saved(store, fitted)
    path = store.path(ref.uri).with_name(name)
    touched = path.parent / "touched"

    class Poison:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (touched,)

    path.write_bytes(pickle.dumps(Poison()))
    with pytest.raises(IntegrityError):
        bundle.load(store, ref)
    assert not touched.exists()


def test_a_poisoned_file_with_a_matching_digest_runs_nothing(
    store: Store, fitted: FittedModel
) -> None:
    ref = saved(store, fitted)
    manifest = json.loads(store.read_bytes(ref))
    folder = store.path(ref.uri).parent
    touched = folder / "touched"

    class Poison:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (touched,)

    with open_run(store, "retail", "models", "poisoner") as run:
        for record in manifest["members"].values():
            for name in record["files"]:
                written = run.write_bytes(Model, pickle.dumps(Poison()), f"models/retail/x/{name}")
                record["files"][name] = written.sha256
        content = json.dumps(manifest).encode()
        poisoned = run.write_bytes(Model, content, "models/retail/x/model.json")
        commit(run, {})
    opened = bundle.open_bundle(store, poisoned)
    for role in ("model", "fallback"):
        with pytest.raises(ModelError, match="Train the pipeline again"):
            opened.read(role)
    assert not touched.exists()


@pytest.mark.parametrize("content", [b"[]", b"not json", b'{"format": 1}'])
def test_a_manifest_of_another_shape_is_refused(store: Store, content: bytes) -> None:
    with open_run(store, "retail", "models", "attempt") as run:
        ref = run.write_bytes(Model, content, "models/retail/x/model.json")
        with pytest.raises(ModelError, match="a model manifest"):
            bundle.open_bundle(run, ref)
