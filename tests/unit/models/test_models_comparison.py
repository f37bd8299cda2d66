"""Better beyond chance: right on what is known, and rarely fooled."""

import numpy as np
import pytest

from tasks.core.artifacts import Ref
from tasks.models.aliases import Order, first_aliases
from tasks.models.comparison import FEWEST_POSITIVES, compare


def ranked(rows: int, skill: float, other: float, seed: int):
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.05).astype(float)
    signal = labels * 1.0
    common = generator.normal(size=rows)
    scores = [
        skill_ * signal + common + 0.5 * generator.normal(size=rows) for skill_ in (skill, other)
    ]
    return labels, *scores, np.arange(rows) * 20 // rows


def test_a_better_ranking_is_found_better_and_the_other_way_round() -> None:
    labels, good, poor, days = ranked(4000, 3.0, 1.0, seed=0)
    assert compare(labels, good, poor, days).better
    back = compare(labels, poor, good, days)
    assert not back.better
    assert back.high < 0


def test_two_rankings_of_the_same_skill_are_rarely_told_apart() -> None:
    """At a 95% interval the challenger is better by chance in 2.5% of cases: 1.5 of 60."""
    found = [compare(*ranked(2000, 2.0, 2.0, seed), rounds=200).better for seed in range(60)]
    assert sum(found) <= 6


def test_the_same_scores_are_not_better() -> None:
    labels, scores, _, days = ranked(2000, 2.0, 2.0, seed=1)
    found = compare(labels, scores, scores, days)
    assert (found.low, found.high, found.better) == (0, 0, False)


@pytest.mark.parametrize("positives", [0, 1, FEWEST_POSITIVES - 1])
def test_few_positives_decide_nothing(positives: int) -> None:
    labels = np.zeros(500)
    labels[:positives] = 1
    found = compare(labels, labels * 9, -labels, np.arange(500) // 25)
    assert not found.better
    assert f"{positives} positives" in str(found)


def test_rows_without_a_label_do_not_count() -> None:
    labels, good, poor, days = ranked(3000, 3.0, 1.0, seed=3)
    unknown = np.where(np.arange(3000) % 3 == 0, np.nan, labels)
    kept = np.isfinite(unknown)
    assert compare(unknown, good, poor, days) == compare(
        labels[kept], good[kept], poor[kept], days[kept]
    )
    assert compare(np.full(9, np.nan), good[:9], poor[:9], days[:9]).positives == 0


def test_aliases_move_with_a_history_and_back() -> None:
    one, two, three = (Ref(f"models/p/{c}/model.json", c * 64, 0, "model") for c in "abc")
    order = Order("2026-01-01", "me", "because")
    aliases = first_aliases(one, order).challenged(two, order)
    assert aliases.versions == {"champion": "a" * 12, "challenger": "b" * 12}
    crowned = aliases.crowned(two, order)
    assert crowned.versions == {"champion": "b" * 12, "previous": "a" * 12}
    assert crowned.crowned(one, order).versions == {"champion": "a" * 12, "previous": "b" * 12}
    third = crowned.challenged(three, order)
    assert third.among({"b" * 12: two}).versions == {"champion": "b" * 12}
    assert [(m.alias, m.before, m.version) for m in third.moves] == [
        ("champion", "", "a" * 12),
        ("challenger", "", "b" * 12),
        ("champion", "a" * 12, "b" * 12),
        ("challenger", "", "c" * 12),
    ]
