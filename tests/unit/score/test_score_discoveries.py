"""q-values: right by definition, and the rate they promise is kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.models.calibration import Calibration
from tasks.score.discoveries import lack_of_power, q_values

P_VALUES = st.lists(st.floats(1e-6, 1), min_size=1, max_size=60).map(np.array)


@given(P_VALUES, st.sampled_from([0.01, 0.05, 0.1, 0.3]))
def test_alerts_by_q_values_are_those_of_the_step_up_procedure(p, level) -> None:
    count = len(p)
    reached = [k for k in range(1, count + 1) if np.sort(p)[k - 1] <= level * k / count]
    cut = np.sort(p)[max(reached) - 1] if reached else -1.0
    called = q_values(p) <= level
    # A rounded product may stand on the other side of the level: no verdict there.
    if not np.isclose(q_values(p), level).any():
        assert called.tolist() == (p <= cut).tolist()


@given(P_VALUES)
def test_q_values_keep_the_order_and_are_never_below_p(p) -> None:
    q = q_values(p)
    assert (q >= p * (1 - 1e-12)).all()
    assert (q <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(q[order]) >= 0).all()


def test_no_event_has_no_q_value() -> None:
    assert q_values(np.empty(0)).tolist() == []


def test_false_alarms_stay_within_the_level_on_average() -> None:
    generator, level, shares, found = np.random.default_rng(5), 0.2, [], 0
    for _ in range(200):
        negatives = np.sort(generator.normal(size=2000))
        calibration = Calibration("platt", np.empty(0), np.array([1.0, 0.0]), negatives)
        scores = np.concatenate([generator.normal(size=950), generator.normal(4, 1, 50)])
        called = q_values(calibration.p_value(scores)) <= level
        shares.append(called[:950].sum() / max(called.sum(), 1))
        found += called[950:].sum()
    # The procedure keeps 0.95 * 0.2; the mean over 200 nights has an error of .005.
    assert np.mean(shares) < 0.95 * level + 0.015
    assert found / (200 * 50) > 0.8


@pytest.mark.parametrize(
    ("negatives", "events", "positives", "level", "enough"),
    [
        (499, 1000, 20, 0.1, True),
        (498, 1000, 20, 0.1, False),
        (9_998, 1000, 0.2, 0.1, False),
        (9_999, 1000, 0.2, 0.1, True),
    ],
)
def test_a_calibration_too_small_to_reach_the_level_is_told(
    negatives, events, positives, level, enough
) -> None:
    told = lack_of_power(negatives, events, positives, level)
    assert (told == "") == enough
    # The claim itself: as many events as there are positives, each at the smallest p-value.
    p = np.ones(events)
    p[: max(round(positives), 1)] = 1 / (negatives + 1)
    assert bool((q_values(p) <= level * (1 + 1e-12)).any()) == enough
