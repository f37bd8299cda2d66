"""Curves follow what they draw, also where positives are one in a thousand."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.models.records import Curve
from tasks.report import curves as drawing
from tasks.train.draw import CALIBRATION_BINS, CURVE_STEPS, draw
from tasks.train.evaluate import Judged


def judged(rate: float, rows: int = 50_000) -> Judged:
    """Rows whose probabilities are right."""
    random = np.random.default_rng(3)
    scores = random.normal(np.log(rate / (1 - rate)), 2.5, size=rows)
    chances = 1 / (1 + np.exp(-scores))
    labels = (random.random(rows) < chances).astype(float)
    return Judged("tabm", "test", labels, scores, chances, np.zeros(rows))


def drawn(rows: Judged) -> dict[str, Curve]:
    return {curve.kind: curve for curve in draw(rows)}


def test_curves_are_thinned_and_keep_their_ends() -> None:
    curves = drawn(judged(0.1))
    for kind in ("roc", "precision_recall"):
        assert len(curves[kind].x) <= 2 * CURVE_STEPS + 4
        assert np.diff(curves[kind].x).max() < 1.5 / CURVE_STEPS
    assert (curves["roc"].x[0], curves["roc"].y[0]) == (0.0, 0.0)
    assert (curves["roc"].x[-1], curves["roc"].y[-1]) == (1.0, 1.0)
    assert curves["precision_recall"].x[-1] == 1.0
    assert sum(curves["probabilities"].y) == 50_000


def test_rare_positives_are_followed_one_hundredth_after_the_other() -> None:
    rows = judged(0.001)
    curve = drawn(rows)["precision_recall"]
    recall, precision = np.array(curve.x), np.array(curve.y)
    assert np.diff(recall).max() < 1.5 / CURVE_STEPS
    order = np.argsort(-rows.scores)
    hits = np.cumsum(rows.labels[order])
    called = np.rint(recall * hits[-1] / precision).astype(int)
    assert hits[called - 1] == pytest.approx(recall * hits[-1])
    assert np.all(np.diff(called) > 0)


@pytest.mark.parametrize("rate", [0.002, 0.3, 0.97])
def test_bins_of_calibration_expect_as_many_of_the_rarer_kind(rate: float) -> None:
    rows = judged(rate)
    curve = drawn(rows)["calibration"]
    expected, happened = np.array(curve.x), np.array(curve.y)
    assert len(expected) == CALIBRATION_BINS
    assert np.all(np.diff(expected) > 0)
    part = drawing.Part(len(rows.labels), float(rows.labels.mean()))
    counted = np.array([drawing._counted("calibration", x, 0.0, curve, part) for x in curve.x])
    assert counted.sum() == pytest.approx(len(rows.labels))
    rarer = expected if rows.labels.mean() < 0.5 else 1 - expected
    assert (rarer * counted) == pytest.approx((rarer * counted).mean())
    spread = np.sqrt(happened * (1 - happened) / counted) + 1e-9
    assert np.abs((happened - expected) / spread).max() < 4


def test_equal_probabilities_are_one_point_whatever_the_order_of_rows() -> None:
    random = np.random.default_rng(8)
    chances = random.choice([0.01, 0.02, 0.4], size=5_000, p=[0.6, 0.3, 0.1])
    labels = (random.random(5_000) < chances).astype(float)
    curves = []
    for order in (np.arange(5_000), random.permutation(5_000)):
        rows = Judged("m", "test", labels[order], chances[order], chances[order], np.zeros(5_000))
        curves.append(drawn(rows)["calibration"])
    assert curves[0].x == pytest.approx((0.01, 0.02, 0.4))
    assert curves[1].y == pytest.approx(curves[0].y)


def test_without_both_kinds_nothing_is_drawn() -> None:
    rows = judged(0.1, rows=50)
    silent = Judged("tabm", "test", rows.labels * 0, rows.scores, rows.scores * 0, rows.days)
    assert list(draw(silent)) == []
