"""The scoring of the NAB bench, by hand on small series."""

import math
from pathlib import Path

import numpy as np
import pytest

from tests.bench.nab_scoring import Series, normalised, points, read


def series(windows: tuple[tuple[int, int], ...], length: int = 1000) -> Series:
    return Series("made", tuple(map(str, range(length))), np.zeros(length), windows)


def sigmoid(x: float) -> float:
    return 2 / (1 + math.exp(5 * x)) - 1


def test_no_alarm_is_0_and_the_first_point_of_each_window_100() -> None:
    one = series(((200, 299), (600, 649)))
    assert normalised(points(one, np.array([])), 2) == 0
    assert normalised(points(one, np.array([200, 600])), 2) == pytest.approx(100)
    low = "reward_low_FN_rate"
    assert points(one, np.array([]), low) == -4
    assert normalised(points(one, np.array([200, 600]), low), 2, low) == pytest.approx(100)


def test_the_earliest_alarm_of_a_window_counts_once() -> None:
    one = series(((200, 299),))
    alone = points(one, np.array([250]))
    assert alone == pytest.approx(sigmoid(-0.5) / sigmoid(-1))
    assert points(one, np.array([250, 260, 299])) == alone
    assert points(one, np.array([299])) == pytest.approx(sigmoid(-0.01) / sigmoid(-1))


def test_a_false_alarm_costs_by_its_way_from_the_last_window() -> None:
    one = series(((200, 299),))
    missed = points(one, np.array([]))
    assert points(one, np.array([170])) - missed == pytest.approx(-0.11)
    assert points(one, np.array([900])) - missed == pytest.approx(-0.11)
    just_after = points(one, np.array([309])) - missed
    assert just_after == pytest.approx(0.11 * sigmoid(10 / 99))
    assert points(one, np.array([170]), "reward_low_FP_rate") - missed == pytest.approx(-0.22)


def test_probation_is_not_counted() -> None:
    one = series((), length=10_000)
    assert one.probation == 750
    assert points(one, np.array([5, 749])) == 0
    assert points(one, np.array([750])) == pytest.approx(-0.11)


def test_files_are_read_with_their_windows(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "data/real").mkdir(parents=True)
    rows = "\n".join(f"2014-01-01 00:{m:02}:00,{m}.5" for m in range(10))
    (tmp_path / "data/real/one.csv").write_text(f"timestamp,value\n{rows}\n")
    window = '["2014-01-01 00:03:00.000000", "2014-01-01 00:05:00.000000"]'
    (tmp_path / "labels/combined_windows.json").write_text(f'{{"real/one.csv": [{window}]}}')
    (one,) = read(tmp_path)
    assert one.windows == ((3, 5),)
    assert one.values.tolist() == [m + 0.5 for m in range(10)]
