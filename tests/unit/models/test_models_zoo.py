"""What every model of the zoo holds to."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Fitted, Rows
from tasks.models.config import MlpConfig, ModelConfig, TabMConfig, XGBoostConfig
from tasks.models.metrics import average_precision, rank_rows
from tasks.models.schedules import coslog4
from tasks.models.zoo import MODELS

NETWORK = {"bins": 6, "embedding": 4, "layers": 2, "epochs": 6, "batch_rows": 64, "threads": 1}
CONFIGS = (
    TabMConfig(heads=3, width=16, **NETWORK),
    MlpConfig(width=24, **NETWORK),
    XGBoostConfig(rounds=40, depth=3, learning_rate=0.2, threads=1),
)
NETWORKS = CONFIGS[:2]
every_model = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)


def sample(rows: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    table = generator.normal(size=(rows, 5)).astype(np.float32)
    odds = 2 * table[:, 0] * (table[:, 1] > 0) + table[:, 2] ** 2 - 3
    table[:, 3] = np.exp(4 * table[:, 3])
    labels = generator.random(rows) < 1 / (1 + np.exp(-odds))
    table[generator.random((rows, 5)) < 0.05] = np.nan
    return Rows(table, labels.astype(np.float32))


FIT, STOP, LATER = sample(1500, 0), sample(500, 1), sample(800, 2)


def fitted(config: ModelConfig, seed: int = 0) -> Fitted:
    return MODELS[config.kind].fit(config, FIT, STOP, Conditions(seed))


@pytest.fixture(scope="module")
def trained() -> dict[str, Fitted]:
    return {config.kind: fitted(config) for config in CONFIGS}


def test_every_kind_of_a_pipeline_file_is_in_the_zoo() -> None:
    schema = TypeAdapter(ModelConfig).json_schema()
    assert set(MODELS) == set(schema["discriminator"]["mapping"])


@every_model
def test_it_ranks_later_rows_well(config: ModelConfig, trained: dict[str, Fitted]) -> None:
    scores = trained[config.kind].scorer.score(LATER.table)
    assert (scores.dtype, scores.shape) == (np.float32, (800,))
    assert average_precision(rank_rows(LATER.labels, scores)) > 2 * LATER.labels.mean()


@every_model
def test_the_same_seed_gives_the_same_bytes(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    torch.rand(3)  # the global generator has no part in it
    again = fitted(config)
    assert again.scorer.save() == trained[config.kind].scorer.save()
    assert again.history == trained[config.kind].history


@every_model
def test_another_seed_gives_other_scores(config: ModelConfig, trained: dict[str, Fitted]) -> None:
    other = fitted(config, seed=1).scorer.score(LATER.table)
    assert (other != trained[config.kind].scorer.score(LATER.table)).any()


@every_model
def test_it_is_the_same_after_saving_and_loading(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    scorer = trained[config.kind].scorer
    loaded = MODELS[config.kind].load(config, scorer.save())
    np.testing.assert_array_equal(loaded.score(LATER.table), scorer.score(LATER.table))
    assert loaded.save() == scorer.save()


@every_model
def test_contributions_add_up_to_the_score(config: ModelConfig, trained: dict[str, Fitted]) -> None:
    scorer = trained[config.kind].scorer
    contributions = scorer.explain(LATER.table)
    assert contributions.shape == (800, 6)
    gap = np.abs(contributions.sum(axis=1) - scorer.score(LATER.table))
    assert np.quantile(gap, 0.99) < 0.05


@every_model
def test_what_makes_the_label_explains_the_score(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    shares = np.abs(trained[config.kind].scorer.explain(LATER.table)[:, :5]).mean(axis=0)
    assert shares[[0, 2]].min() > shares[[3, 4]].max()


@every_model
def test_no_rows_give_no_scores(config: ModelConfig, trained: dict[str, Fitted]) -> None:
    scorer = trained[config.kind].scorer
    assert scorer.score(np.empty((0, 5), np.float32)).shape == (0,)
    assert scorer.explain(np.empty((0, 5), np.float32)).shape == (0, 6)


@every_model
def test_a_score_does_not_depend_on_the_other_rows(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    scorer = trained[config.kind].scorer
    one_by_one = np.concatenate([scorer.score(row[None]) for row in LATER.table[:50]])
    np.testing.assert_allclose(one_by_one, scorer.score(LATER.table)[:50], atol=1e-5)


@every_model
def test_missing_and_infinite_values_are_scored(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    strange = np.array([[np.nan] * 5, [np.inf] * 5, [-np.inf] * 5, [3e38] * 5], np.float32)
    scores = trained[config.kind].scorer.score(strange)
    assert np.isfinite(scores).all()
    assert scores[0] == scores[1] == scores[2]


@every_model
def test_the_epoch_with_the_best_stop_metric_is_kept(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    history = trained[config.kind].history
    reached = [epoch.stop_metric for epoch in history.epochs]
    assert reached[history.kept - 1] == max(reached)
    scores = trained[config.kind].scorer.score(STOP.table)
    measured = average_precision(rank_rows(STOP.labels, scores))
    # XGBoost interpolates the area under the curve; average precision does not.
    assert measured == pytest.approx(max(reached), abs=0.02)


@every_model
@pytest.mark.parametrize("content", [b"", b"garbage" * 9, b"cos\nsystem\n(S'true'\ntR."])
def test_files_that_hold_no_model_are_refused(config: ModelConfig, content: bytes) -> None:
    files = dict.fromkeys(("safetensors", "ubj"), content)
    with pytest.raises(ModelError, match="Train the pipeline again"):
        MODELS[config.kind].load(config, files)


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.kind)
def test_weights_of_another_shape_are_refused(
    config: ModelConfig, trained: dict[str, Fitted]
) -> None:
    wider = config.model_copy(update={"width": config.width + 1})
    with pytest.raises(ModelError, match=r"of shape \(.*, for \("):
        MODELS[config.kind].load(wider, trained[config.kind].scorer.save())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.kind)
def test_a_training_that_diverges_says_so(config: ModelConfig) -> None:
    wild = config.model_copy(update={"learning_rate": 1e30, "gradient_clip": 1e30})
    with pytest.raises(ModelError, match="not finite"):
        MODELS[config.kind].fit(wild, FIT, STOP, Conditions(0))


def test_a_weight_of_the_positives_raises_the_scores() -> None:
    plain = fitted(NETWORKS[0]).scorer.score(LATER.table)
    weighty = fitted(NETWORKS[0].model_copy(update={"class_weights": {"positive": 20.0}}))
    assert weighty.scorer.score(LATER.table).mean() > plain.mean() + 1


def test_the_schedule_makes_four_cycles() -> None:
    valleys = [(2**cycle - 1) / 15 for cycle in range(5)]
    peaks = [(2 ** (cycle + 0.5) - 1) / 15 for cycle in range(4)]
    assert [coslog4(v) for v in valleys] == pytest.approx([0] * 5, abs=1e-12)
    assert [coslog4(p) for p in peaks] == pytest.approx([1] * 4)
