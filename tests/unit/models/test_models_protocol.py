"""What every supervised family holds to, for two classes, several and a value."""

import itertools
import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from pydantic import TypeAdapter, ValidationError
from scipy.special import expit, logsumexp

from tasks.core.errors import ModelError
from tasks.models.base import BINARY, Conditions, Fitted, Matrix, Rows, Target
from tasks.models.config import ModelConfig
from tasks.models.stopping import quality
from tasks.models.zoo import MODELS, SUPERVISED

NETWORK = {"bins": 6, "embedding": 4, "epochs": 6, "batch_rows": 64, "learning_rate": 0.01}
SETTINGS: dict[str, dict[str, Any]] = {
    "tabm": {"heads": 3, "width": 16, "layers": 2, **NETWORK},
    "mlp": {"width": 24, "layers": 2, **NETWORK},
    "resnet": {"width": 16, "layers": 2, **NETWORK},
    "transformer": {**NETWORK, "heads": 2, "layers": 1, "embedding": 8},
    "sequence_cnn": {"width": 12, **NETWORK},
    "recurrent": {"width": 12, **NETWORK},
    "image_cnn": {"width": 8, "stages": 2, "augmentation": {"shift": 0.1}, **NETWORK},
    "linear": {},
    "tree": {"depth": 5},
    "xgboost": {"rounds": 60, "learning_rate": 0.2, "depth": 3},
    "ensemble": {"members": [{"kind": "linear"}, {"kind": "tree", "depth": 5}]},
}
JOINED = ("ensemble",)
TARGETS = {
    "binary": BINARY,
    "classes": Target("classes", ("low", "middle", "high"), normal=1),
    "value": Target("value"),
}
CASES = tuple(itertools.product(SETTINGS, TARGETS))
NETWORKS = tuple(kind for kind in SETTINGS if kind not in ("linear", "tree", "xgboost", *JOINED))
STEPS, SIDE = 4, 6
NAMES = (
    *("amount", "gap", "age"),
    *(f"card.last.{c}@{k}" for k in range(-STEPS, 0) for c in ("amount", "hours")),
    *(f"form.scan.ink@{r},{c}" for r in range(SIDE) for c in range(SIDE)),
)
IMAGE = 3 + 2 * STEPS
every_case = pytest.mark.parametrize(("kind", "target"), CASES)


def sample(rows: int, seed: int, target: str) -> Rows:
    """Rows whose labels hang on a flat feature, on the last step and on how dark an image is."""
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, len(NAMES))).astype(np.float32)
    dark = table[:, IMAGE:].mean(axis=1)
    odds = 2 * table[:, 0] * (table[:, 1] > 0) + 2 * table[:, IMAGE - 2] + 12 * dark - 1
    labels = {
        "binary": generator.random(rows) < 1 / (1 + np.exp(-odds)),
        "classes": np.digitize(odds, [-3, 1]),
        "value": 1000 + 50 * odds,
    }[target]
    for step in range(STEPS):  # the oldest steps are the first that an entity has not had yet
        never = generator.random(rows) < 0.2 * (STEPS - 1 - step) / STEPS
        table[np.ix_(never, [3 + 2 * step, 4 + 2 * step])] = np.nan
    table[:, :3][generator.random((rows, 3)) < 0.05] = np.nan
    return Rows(table, labels.astype(np.float32), NAMES, TARGETS[target])


def config_of(kind: str, **settings: object) -> Any:
    content = {"kind": kind, **SETTINGS[kind], **settings}
    return TypeAdapter(ModelConfig).validate_python(content)


def fit(kind: str, target: str, seed: int = 0, **settings: object) -> Fitted:
    rows, stop = sample(1000, 0, target), sample(400, 1, target)
    return MODELS[kind].fit(config_of(kind, **settings), rows, stop, Conditions(seed))


trained = cache(fit)


def later(target: str, rows: int = 60) -> Matrix:
    return sample(rows, 2, target).table


def test_every_supervised_family_is_held_to_it() -> None:
    assert set(SETTINGS) == {*SUPERVISED, *JOINED}


@every_case
def test_it_learns_what_later_rows_have_as_well(kind: str, target: str) -> None:
    judged = sample(600, 2, target)
    reached = quality(trained(kind, target).scorer, judged)
    shares = np.bincount(judged.labels.astype(int))[:3] / 600
    nothing = {
        "binary": judged.labels.mean() + 0.1,
        "classes": (shares[shares > 0] * np.log(shares[shares > 0])).sum() + 0.03,
        "value": 0.2,
    }[target]
    assert reached > nothing


@every_case
def test_contributions_add_up_to_the_score(kind: str, target: str) -> None:
    scorer, table = trained(kind, target).scorer, later(target)
    shares, scores = scorer.explain(table), scorer.score(table)
    assert shares.shape == (len(table), len(NAMES) + 1)
    assert np.ptp(shares[:, -1]) == 0
    usual = scores.std() if target == "value" else 1.0
    way = np.maximum(np.abs(scores - shares[:, -1]), usual)
    assert (np.abs(shares.sum(axis=1) - scores) < 0.03 * way).all()


@every_case
def test_a_score_depends_on_its_own_row_alone(kind: str, target: str) -> None:
    scorer, table = trained(kind, target).scorer, later(target)
    one_by_one = np.concatenate([scorer.score(row[None]) for row in table[:20]])
    scores = scorer.score(table)[:20]
    np.testing.assert_allclose(one_by_one, scores, rtol=1e-6, atol=1e-5)


@every_case
def test_missing_and_infinite_values_are_scored(kind: str, target: str) -> None:
    values = (np.nan, np.inf, -np.inf, 3e38)
    strange = np.array([[value] * len(NAMES) for value in values], np.float32)
    scorer = trained(kind, target).scorer
    scores = scorer.score(strange)
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1] == scores[2]
    assert np.isfinite(scorer.explain(strange)).all()


@every_case
def test_no_rows_give_no_scores(kind: str, target: str) -> None:
    scorer, none = trained(kind, target).scorer, np.empty((0, len(NAMES)), np.float32)
    assert scorer.score(none).shape == (0,)
    assert scorer.explain(none).shape == (0, len(NAMES) + 1)


@pytest.mark.parametrize("kind", SETTINGS)
def test_chances_of_classes_are_chances_and_make_the_score(kind: str) -> None:
    scorer, table = trained(kind, "classes").scorer, later("classes")
    logs = scorer.outputs(table).astype(np.float64)
    assert logs.shape == (len(table), 3)
    np.testing.assert_allclose(np.exp(logs).sum(axis=1), 1, atol=1e-5)
    odds = logsumexp(logs[:, [0, 2]], axis=1) - logs[:, 1]
    np.testing.assert_allclose(scorer.score(table), odds, rtol=1e-4, atol=1e-4)


LOAD = """
import json, sys, pathlib, numpy as np
from pydantic import TypeAdapter
from tasks.models.config import ModelConfig
from tasks.models.zoo import MODELS
for folder in map(pathlib.Path, sys.argv[1:]):
    config = TypeAdapter(ModelConfig).validate_json((folder / "config.json").read_bytes())
    files = {p.suffix[1:]: p.read_bytes() for p in folder.glob("model.*")}
    scorer = MODELS[config.kind].load(config, files)
    print(json.dumps(scorer.score(np.load(folder / "table.npy")).tolist()))
"""


def test_it_scores_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    folders = [tmp_path / f"{kind}-{target}" for kind, target in CASES]
    for folder, (kind, target) in zip(folders, CASES, strict=True):
        folder.mkdir()
        np.save(folder / "table.npy", later(target))
        (folder / "config.json").write_text(config_of(kind).model_dump_json())
        for suffix, content in trained(kind, target).scorer.save().items():
            (folder / f"model.{suffix}").write_bytes(content)
    command = [sys.executable, "-c", LOAD, *map(str, folders)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for (kind, target), line in zip(CASES, done.stdout.splitlines(), strict=True):
        expected = trained(kind, target).scorer.score(later(target))
        np.testing.assert_allclose(json.loads(line), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", SETTINGS)
def test_files_that_hold_no_model_are_refused(kind: str) -> None:
    whole = trained(kind, "classes").scorer.save()
    ((suffix, content),) = whole.items()
    other = trained("linear" if kind == "tree" else "tree", "value").scorer.save()
    foreign = next(iter(other.values()))
    for poisoned in (b"", b"garbage" * 9, b"cos\nsystem\n(S'true'\ntR.", foreign, content[:-40]):
        with pytest.raises(ModelError, match="Train the pipeline again"):
            MODELS[kind].load(config_of(kind), {suffix: poisoned})
    with pytest.raises(ModelError, match="Train the pipeline again"):
        MODELS[kind].load(config_of(kind), {})


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_training_begins_with_the_weights_of_an_earlier_one(kind: str) -> None:
    files = trained(kind, "binary").scorer.save()
    rows, stop = sample(1000, 0, "binary"), sample(400, 1, "binary")
    still = config_of(kind, epochs=1, learning_rate=1e-12)
    warm = MODELS[kind].fit(still, rows, stop, Conditions(5, start=files)).scorer
    table = later("binary")
    scores = trained(kind, "binary").scorer.score(table)
    if kind == "image_cnn":  # its batch norms go on learning the usual spread
        assert np.corrcoef(warm.score(table), scores)[0, 1] > 0.9
        return
    np.testing.assert_allclose(warm.score(table), scores, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "columns", "required"),
    [
        ("sequence_cnn", slice(0, 3), "a sequence"),
        ("recurrent", slice(0, 3), "a sequence"),
        ("image_cnn", slice(0, IMAGE), "an image"),
        ("recurrent", [0, 3, 5, 6], "a column for each place"),
        ("image_cnn", slice(0, len(NAMES) - 1), "a column for each place"),
    ],
)
def test_what_reads_a_layout_says_which_is_missing(
    kind: str, columns: slice | list[int], required: str
) -> None:
    whole = sample(100, 0, "binary")
    names = tuple(np.array(NAMES, object)[columns])
    rows = Rows(np.ascontiguousarray(whole.table[:, columns]), whole.labels, names)
    with pytest.raises(ModelError, match=required) as caught:
        MODELS[kind].fit(config_of(kind), rows, rows, Conditions(0))
    assert "selection" in caught.value.do


def test_gated_recurrence_remembers_as_well() -> None:
    judged = sample(600, 2, "value")
    assert quality(trained("recurrent", "value", 0, cell="gru").scorer, judged) > 0.2


def test_a_tree_whose_walk_would_not_end_is_refused() -> None:
    arrays = safetensors.numpy.load(trained("tree", "value").scorer.save()["safetensors"])
    arrays["children"] = np.zeros_like(arrays["children"])
    with pytest.raises(ModelError, match="children"):
        MODELS["tree"].load(config_of("tree"), {"safetensors": safetensors.numpy.save(arrays)})


def test_boosting_goes_on_from_earlier_trees() -> None:
    rows, stop = sample(1000, 0, "binary"), sample(400, 1, "binary")
    files = trained("xgboost", "binary", 0, rounds=5).scorer.save()
    more = config_of("xgboost", rounds=3, patience=3)
    warm = MODELS["xgboost"].fit(more, rows, stop, Conditions(0, start=files)).scorer
    assert 6 <= warm.booster.num_boosted_rounds() <= 8


def test_an_ensemble_is_the_mean_of_its_members_chances() -> None:
    table = later("binary")
    scores = [trained(kind, "binary").scorer.score(table) for kind in ("linear", "tree")]
    chances = [expit(score.astype(np.float64)) for score in scores]
    joined = expit(trained("ensemble", "binary").scorer.score(table).astype(np.float64))
    np.testing.assert_allclose(joined, np.mean(chances, axis=0), atol=1e-6)


def test_an_ensemble_of_values_is_their_mean() -> None:
    table = later("value")
    values = [trained(kind, "value").scorer.score(table) for kind in ("linear", "tree")]
    joined = trained("ensemble", "value").scorer.score(table)
    np.testing.assert_allclose(joined, np.mean(values, axis=0), rtol=1e-5)


def test_what_looks_for_the_unusual_is_no_member_of_an_ensemble() -> None:
    with pytest.raises(ValidationError, match="isolation"):
        config_of("ensemble", members=[{"kind": "isolation"}, {"kind": "tabm"}])
