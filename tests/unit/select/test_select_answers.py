"""Features that know the answer are named, whatever they look like; strong honest ones are not."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.select.answers import separation, telling

RANDOM = np.random.default_rng(5)
ROWS = 4_000
POSITIVE = RANDOM.random(ROWS) < 0.02
LABELS = POSITIVE.astype(np.int8)
PLANTED = {
    "the kind of a fraud": np.where(POSITIVE, RANDOM.integers(1, 4, ROWS), 0),
    "a code between others": np.where(POSITIVE, 2, RANDOM.choice([1, 3], ROWS)),
    "filled in for positives only": np.where(POSITIVE, RANDOM.normal(size=ROWS), np.nan),
    "filled in for negatives only": np.where(POSITIVE, np.nan, RANDOM.normal(size=ROWS)),
    "far below": RANDOM.normal(size=ROWS) - 20 * POSITIVE,
}
HONEST = {
    "strong": RANDOM.normal(size=ROWS) + 3 * POSITIVE,
    "noise": RANDOM.normal(size=ROWS),
    "half the answers": np.where(RANDOM.random(ROWS) < 0.5, POSITIVE, False),
    "a number of each row": np.arange(ROWS),
    "the same": np.zeros(ROWS),
}


def table(columns: dict[str, np.ndarray]) -> np.ndarray:
    return np.stack([*columns.values()], axis=1).astype(np.float32)


def test_only_columns_that_know_the_answer_are_named() -> None:
    found = dict(telling(table(PLANTED | HONEST), LABELS, [*PLANTED, *HONEST]))
    assert found == pytest.approx(dict.fromkeys(PLANTED, 1.0))


def test_the_area_is_that_of_the_order_or_of_its_reverse() -> None:
    column = np.array([1, 2, 2, 3, 4, 5] * 200, np.float32)
    positive = np.array([0, 0, 1, 0, 1, 1] * 200, bool)
    wins = np.mean([(p > n) + (p == n) / 2 for p in (2, 4, 5) for n in (1, 2, 3)])
    shares = np.mean([(p > n) + (p == n) / 2 for p in (0.5, 1, 1) for n in (0, 0.5, 0)])
    assert separation(column, positive) == pytest.approx(max(wins, shares))
    assert separation(-column, positive) == pytest.approx(max(wins, shares))


def test_classes_have_to_be_told_all_apart() -> None:
    classes = np.arange(ROWS) % 3
    names, columns = ["all", "one"], np.stack([classes * 7, classes == 1], axis=1)
    assert [name for name, _ in telling(columns.astype(np.float32), classes, names)] == ["all"]


@pytest.mark.parametrize(
    "labels", [LABELS.astype(np.float64), np.zeros(ROWS, np.int8), np.arange(ROWS) < 19]
)
def test_numbers_one_class_and_few_rows_are_not_judged(labels: np.ndarray) -> None:
    assert [*telling(labels.reshape(-1, 1).astype(np.float32), labels, ["itself"])] == []
