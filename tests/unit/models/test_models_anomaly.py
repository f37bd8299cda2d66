"""What every anomaly model holds to."""

import dataclasses

import numpy as np
import pytest

from tasks.core.errors import ModelError
from tasks.models.anomaly import ANOMALY
from tasks.models.anomaly_config import IsolationConfig, NeighboursConfig, PcaConfig
from tasks.models.anomaly_kinds import AnomalyConfig
from tasks.models.autoencoder_config import (
    AutoencoderConfig,
    ConvAutoencoderConfig,
    DenoisingConfig,
    VariationalConfig,
)
from tasks.models.base import Conditions, Fitted, Rows, Target
from tasks.models.metrics import rank_rows, roc_auc
from tasks.models.svdd_config import DiffusionConfig, GanConfig, SvddConfig

QUICK = {"least_steps": 200, "most_steps": 200, "epochs": 4, "batch_rows": 128}
CONFIGS = (
    IsolationConfig(trees=50),
    NeighboursConfig(),
    PcaConfig(),
    AutoencoderConfig(width=32, **QUICK),
    DenoisingConfig(width=32, masks=2, **QUICK),
    VariationalConfig(width=32, **QUICK),
    ConvAutoencoderConfig(**QUICK),
    SvddConfig(width=32, code=8, **QUICK),
    GanConfig(width=32, **QUICK),
    DiffusionConfig(width=32, **QUICK),
)
NETWORKS = CONFIGS[3:]
every_model = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
every_network = pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.kind)


def sample(rows: int, odd: int, seed: int) -> Rows:
    """Six features of which three follow from the others, and rows that break with that."""
    generator = np.random.default_rng(seed)
    causes = generator.normal(size=(rows, 3))
    follows = causes @ np.array([[1, 1, 0], [0, 1, 1], [1, 0, -1]]) + 0.1 * generator.normal(
        size=(rows, 3)
    )
    table = np.hstack([causes, follows]).astype(np.float32)
    labels = np.zeros(rows, np.float32)
    labels[:odd] = 1
    table[:odd, 3:] += generator.choice([-6, 6], size=(odd, 3))
    gaps = generator.random((rows, 6)) < 0.01
    gaps[:odd] = False
    table[gaps] = np.nan
    return Rows(table, labels)


FIT, STOP, LATER = sample(1200, 60, 0), sample(400, 20, 1), sample(600, 60, 2)


def unlabelled(rows: Rows) -> Rows:
    return dataclasses.replace(
        rows, labels=np.full_like(rows.labels, np.nan), target=Target("none")
    )


def fitted(config: AnomalyConfig, seed: int = 0) -> Fitted:
    return ANOMALY[config.kind].fit(config, FIT, STOP, Conditions(seed))


@pytest.fixture(scope="module")
def trained() -> dict[str, Fitted]:
    return {config.kind: fitted(config) for config in CONFIGS}


def test_every_kind_is_tested() -> None:
    of_windows = {"sequence_autoencoder", "forecaster"}  # tests/unit/models/test_models_series.py
    assert set(ANOMALY) == {config.kind for config in CONFIGS} | of_windows


@every_model
def test_it_finds_rows_that_break_with_the_rest(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    scores = trained[config.kind].scorer.score(LATER.table)
    assert (scores.dtype, scores.shape) == (np.float32, (600,))
    assert roc_auc(rank_rows(LATER.labels, scores)) > 0.9


@every_model
def test_it_finds_them_without_labels(config: AnomalyConfig) -> None:
    rows = unlabelled(FIT)
    scorer = ANOMALY[config.kind].fit(config, rows, unlabelled(STOP), Conditions(0)).scorer
    assert roc_auc(rank_rows(LATER.labels, scorer.score(LATER.table))) > 0.75


@every_model
def test_labels_of_anomalies_teach_nothing(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    """Fitted on normals alone, it is the same whatever the other rows hold."""
    wild = FIT.table.copy()
    wild[FIT.labels == 1] = 1e6
    held = dataclasses.replace(STOP, table=np.where(STOP.labels[:, None] == 1, 1e6, STOP.table))
    again = ANOMALY[config.kind].fit(
        config, dataclasses.replace(FIT, table=wild), held, Conditions(0)
    )
    assert again.scorer.save() == trained[config.kind].scorer.save()


@every_network
def test_another_seed_gives_other_scores(config: AnomalyConfig, trained: dict[str, Fitted]) -> None:
    other = fitted(config, seed=1).scorer.score(LATER.table)
    assert (other != trained[config.kind].scorer.score(LATER.table)).any()


@every_model
def test_it_is_the_same_after_saving_and_loading(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    scorer = trained[config.kind].scorer
    loaded = ANOMALY[config.kind].load(config, scorer.save())
    np.testing.assert_array_equal(loaded.score(LATER.table), scorer.score(LATER.table))
    assert loaded.save() == scorer.save()


@every_model
def test_contributions_add_up_to_the_score(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    scorer = trained[config.kind].scorer
    contributions = scorer.explain(LATER.table)
    assert (contributions.dtype, contributions.shape) == (np.float32, (600, 7))
    scores = scorer.score(LATER.table)
    gap = np.abs(contributions.sum(axis=1) - scores)
    assert (gap <= 0.01 + 0.02 * np.abs(scores)).all()


@every_model
def test_the_features_that_break_explain_the_score(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    odd = LATER.table[LATER.labels == 1]
    shares = trained[config.kind].scorer.explain(odd)[:, :6].mean(axis=0)
    assert shares[3:].sum() > shares[:3].sum()


@every_model
def test_no_rows_give_no_scores(config: AnomalyConfig, trained: dict[str, Fitted]) -> None:
    scorer = trained[config.kind].scorer
    assert scorer.score(np.empty((0, 6), np.float32)).shape == (0,)
    assert scorer.explain(np.empty((0, 6), np.float32)).shape == (0, 7)


@every_model
def test_a_score_does_not_depend_on_the_other_rows(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    scorer = trained[config.kind].scorer
    one_by_one = np.concatenate([scorer.score(row[None]) for row in LATER.table[:50]])
    np.testing.assert_allclose(one_by_one, scorer.score(LATER.table)[:50], rtol=1e-4, atol=1e-5)


@every_model
def test_missing_and_infinite_values_are_scored(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    strange = np.array([[np.nan] * 6, [np.inf] * 6, [-np.inf] * 6, [3e38] * 6], np.float32)
    scores = trained[config.kind].scorer.score(strange)
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1] == scores[2]


@every_model
@pytest.mark.parametrize("content", [b"", b"garbage" * 9, b"cos\nsystem\n(S'true'\ntR."])
def test_files_that_hold_no_model_are_refused(config: AnomalyConfig, content: bytes) -> None:
    files = dict.fromkeys(("safetensors", "json"), content)
    with pytest.raises(ModelError, match="Train the pipeline again"):
        ANOMALY[config.kind].load(config, files)


@every_model
@pytest.mark.parametrize("value", [7.0, np.nan])
def test_a_column_without_values_or_without_variation_is_no_obstacle(
    config: AnomalyConfig, value: float
) -> None:
    table = FIT.table[:200].copy()
    table[:, 2] = value
    rows = Rows(table, np.zeros(200, np.float32))
    scorer = ANOMALY[config.kind].fit(config, rows, rows, Conditions(0)).scorer
    assert np.isfinite(scorer.score(LATER.table)).all()


@every_model
def test_normals_that_nobody_labelled_are_asked_for(config: AnomalyConfig) -> None:
    strict = config.model_copy(update={"train_on": "normals"})
    with pytest.raises(ModelError, match="labelled as normal"):
        ANOMALY[config.kind].fit(strict, unlabelled(FIT), STOP, Conditions(0))


@every_model
def test_normals_of_many_classes_are_those_of_the_class_nobody_looks_for(
    config: AnomalyConfig, trained: dict[str, Fitted]
) -> None:
    target = Target("classes", ("attack", "probe", "normal"), normal=2)
    as_classes = [
        Rows(rows.table, np.where(rows.labels == 0, 2, 0).astype(np.float32), (), target)
        for rows in (FIT, STOP)
    ]
    again = ANOMALY[config.kind].fit(config, *as_classes, Conditions(0))
    assert again.scorer.save() == trained[config.kind].scorer.save()


def test_neighbours_are_exact() -> None:
    scorer = fitted(NeighboursConfig(neighbours=3)).scorer
    usual = np.nan_to_num(FIT.table[FIT.labels == 0])
    known = np.where(np.isfinite(FIT.table[FIT.labels == 0]), usual, np.nan)
    mean, scale = np.nanmean(known, axis=0), np.nanstd(known, axis=0)
    fill = np.where(np.isnan(known), mean, known)
    rows = np.where(np.isnan(LATER.table), mean, LATER.table)
    gaps = ((rows - mean) / scale)[:, None] - ((fill - mean) / scale)[None]
    third = np.sort(np.sqrt((gaps**2).sum(axis=2)), axis=1)[:, 2]
    np.testing.assert_allclose(scorer.score(LATER.table), third, rtol=1e-4)


def test_neighbours_beyond_the_limit_are_a_sample() -> None:
    few = fitted(NeighboursConfig(most_rows=100)).scorer
    assert len(few.save()["safetensors"]) < 100 * 6 * 4 + 1000
    assert roc_auc(rank_rows(LATER.labels, few.score(LATER.table))) > 0.9


def test_a_trimmed_loss_learns_less_from_what_is_odd() -> None:
    """With a tenth of gross outliers in the training rows, dropping the worst helps."""
    rows = unlabelled(sample(1200, 120, 5))

    def reached(trim: float) -> float:
        config = AutoencoderConfig(width=64, trim=trim, epochs=8, least_steps=800)
        scorer = ANOMALY["autoencoder"].fit(config, rows, rows, Conditions(0)).scorer
        return roc_auc(rank_rows(LATER.labels, scorer.score(LATER.table)))

    assert reached(0.2) > reached(0.0)


@pytest.mark.filterwarnings("ignore")
@every_network
def test_a_training_that_diverges_says_so(config: AnomalyConfig) -> None:
    wild = config.model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
    with pytest.raises(ModelError, match="finite"):
        ANOMALY[config.kind].fit(wild, FIT, STOP, Conditions(0))
