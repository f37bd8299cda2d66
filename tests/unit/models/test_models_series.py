"""Models of windows, and series that are scored as they come."""

import numpy as np
import pytest

from tasks.core.errors import ModelError
from tasks.models.anomaly import ANOMALY
from tasks.models.base import Conditions, Rows, Scorer, Target
from tasks.models.metrics import rank_rows, roc_auc
from tasks.models.series_config import ForecasterConfig, SequenceAutoencoderConfig
from tasks.models.streaming import Stream, window_names, windows_of

STEPS, CHANNELS = 10, ("speed", "load")
NAMES = (*window_names(CHANNELS, STEPS), "own")
QUICK = {"least_steps": 300, "most_steps": 300, "epochs": 4, "batch_rows": 64, "width": 16}
CONFIGS = (
    SequenceAutoencoderConfig(code=6, **QUICK),
    SequenceAutoencoderConfig(body="lstm", code=6, **QUICK),
    ForecasterConfig(**QUICK),
)
every_model = pytest.mark.parametrize("config", CONFIGS, ids=["cnn", "lstm", "forecaster"])


def series(points: int, seed: int) -> np.ndarray:
    """Two waves that follow each other."""
    generator = np.random.default_rng(seed)
    at = np.arange(points) / 3 + generator.uniform(0, 6)
    return np.column_stack([np.sin(at), np.sin(at - 1)]) + generator.normal(0, 0.05, (points, 2))


def table(values: np.ndarray) -> np.ndarray:
    windows = windows_of(values, STEPS)
    return np.hstack([windows, np.ones((len(windows), 1), np.float32)])


def rows(values: np.ndarray) -> Rows:
    windows = table(values)
    unknown = np.full(len(windows), np.nan, np.float32)
    return Rows(windows, unknown, NAMES, Target("none"))


@pytest.fixture(scope="module")
def trained() -> dict[int, Scorer]:
    fit, stop = rows(series(900, 0)), rows(series(300, 1))
    return {
        number: ANOMALY[config.kind].fit(config, fit, stop, Conditions(0)).scorer
        for number, config in enumerate(CONFIGS)
    }


def broken(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A later series with points that leave the wave, and which windows end in one."""
    values = series(500, seed)
    places = np.arange(30, 500, 40)
    values[places, 0] += 1.2
    return values, np.isin(np.arange(STEPS - 1, 500), places)


@every_model
def test_a_point_that_leaves_the_wave_is_found(config, trained) -> None:
    values, odd = broken(2)
    scores = trained[CONFIGS.index(config)].score(table(values))
    assert scores.dtype == np.float32
    assert roc_auc(rank_rows(odd, scores)) > (0.95 if config.kind == "forecaster" else 0.6)


@every_model
def test_contributions_add_up_and_lie_in_the_windows(config, trained) -> None:
    scorer = trained[CONFIGS.index(config)]
    odd = table(broken(3)[0])
    contributions, scores = scorer.explain(odd), scorer.score(odd)
    np.testing.assert_allclose(contributions.sum(axis=1), scores, rtol=1e-4, atol=1e-5)
    assert not contributions[:, NAMES.index("own")].any()
    if config.kind == "forecaster":
        assert not contributions[:, : -len(CHANNELS) - 2].any()


@every_model
def test_it_is_the_same_after_saving_and_loading(config, trained) -> None:
    scorer, later = trained[CONFIGS.index(config)], table(series(200, 4))
    loaded = ANOMALY[config.kind].load(config, scorer.save())
    np.testing.assert_array_equal(loaded.score(later), scorer.score(later))
    assert loaded.save() == scorer.save()


@every_model
def test_a_missing_cell_is_no_error(config, trained) -> None:
    scorer = trained[CONFIGS.index(config)]
    gaps = np.full((1, len(NAMES)), np.nan, np.float32)
    assert scorer.score(gaps)[0] == 0


@every_model
def test_points_that_come_one_by_one_score_as_the_windows_do(config, trained) -> None:
    scorer, values = trained[CONFIGS.index(config)], series(60, 5)
    own = tuple(window_names(CHANNELS, STEPS))
    fit = Rows(windows_of(values, STEPS), np.full(51, np.nan, np.float32), own, Target("none"))
    short = config.model_copy(update={"least_steps": 20, "most_steps": 20})
    scorer = ANOMALY[config.kind].fit(short, fit, fit, Conditions(0)).scorer
    stream = Stream(scorer, len(CHANNELS), STEPS, values[:20])
    came = [stream.update(point) for point in values[20:]]
    expected = scorer.score(windows_of(values, STEPS))[20 - STEPS + 1 :]
    np.testing.assert_allclose(came, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("names", [(), ("a", "b"), ("s.a@0", "b")])
def test_rows_without_a_sequence_are_refused(names: tuple[str, ...]) -> None:
    width = max(1, len(names))
    flat = Rows(np.zeros((30, width), np.float32), np.full(30, np.nan, np.float32), names)
    for config in CONFIGS:
        with pytest.raises(ModelError, match="sequence of at least two steps"):
            ANOMALY[config.kind].fit(config, flat, flat, Conditions(0))


def test_sequences_of_several_names_are_channels_beside_each_other() -> None:
    """As the families `sequence` and `series` name them: with gaps, and of unlike length."""
    names = ("who.past.amount@-2", "who.past.amount@-1", "who.week.sum@-1", "who.past.amount@0")
    values = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    own = Rows(values, np.zeros(200, np.float32), names)
    for config in CONFIGS:
        short = config.model_copy(update={"least_steps": 5, "most_steps": 5})
        scorer = ANOMALY[config.kind].fit(short, own, own, Conditions(0)).scorer
        assert np.isfinite(scorer.score(values)).all()
        np.testing.assert_allclose(
            scorer.explain(values).sum(axis=1), scorer.score(values), rtol=1e-4, atol=1e-5
        )
