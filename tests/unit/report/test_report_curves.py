from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tasks.core.intervals import wilson
from tasks.models.records import Curve
from tasks.report import curves
from tests.unit.report import nights


@given(st.integers(1, 10_000), st.floats(0, 1))
def test_intervals_are_wilson_s(rows, share) -> None:
    found = round(rows * share)
    expected = binomtest(found, rows).proportion_ci(method="wilson")
    assert wilson(found / rows, rows) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_without_rows_nothing_is_known() -> None:
    assert wilson(0.5, 0) == (0.0, 1.0)


def test_gains_are_the_share_called_against_the_share_found() -> None:
    """Against counting: 1,000 rows with 100 positives, scored at random."""
    generator = np.random.default_rng(0)
    labels = np.repeat([1, 0], [100, 900])
    order = np.argsort(-(generator.normal(size=1000) + labels))
    found, alarms = np.cumsum(labels[order]) / 100, np.cumsum(1 - labels[order]) / 900
    roc = Curve("tabm", "test", "roc", tuple(alarms), tuple(found))
    (gains,) = curves._gains([roc], {"tabm": curves.Part(1000, 0.1)})
    assert gains.x == pytest.approx(np.arange(1, 1001) / 1000)
    assert gains.y == roc.y


def test_a_point_is_counted_on_the_rows_behind_its_share() -> None:
    part = curves.Part(1000, 0.1)
    roc = Curve("tabm", "test", "roc", (0.0, 1.0), (0.0, 1.0))
    assert curves._counted("roc", 0.2, 0.5, roc, part) == 100
    # Half of the positives at a precision of a quarter: 50 right of 200 called.
    assert curves._counted("precision_recall", 0.5, 0.25, roc, part) == 200
    # As many positives are expected of each bin: ten times the rows at a tenth of the chance.
    bins = Curve("tabm", "test", "calibration", (0.01, 0.1), (0.0, 0.1))
    assert curves._counted("calibration", 0.1, 0.1, bins, part) == pytest.approx(1000 / 11)


def test_every_diagram_is_drawn_once_and_says_whether_it_has_intervals() -> None:
    measured = curves.parts(nights.metrics(), "test")
    drawn = curves.draw_curves(nights.curves(), "test", measured)
    assert [each.title for each in drawn] == [
        "Precision and recall",
        "ROC",
        "Gains",
        "Calibration",
    ]
    assert all("95% intervals" in each.caption for each in drawn)
    bare = curves.draw_curves(nights.curves(), "test", {})
    assert [each.title for each in bare] == ["Precision and recall", "ROC", "Calibration"]
    assert not any("95%" in each.caption for each in bare)
