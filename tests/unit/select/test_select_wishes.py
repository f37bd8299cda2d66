"""What the pipeline file forces, what groups and budgets make of the verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from tasks.core.errors import ConfigError
from tasks.core.results import Selection, Verdict
from tasks.select.config import SelectionConfig
from tasks.select.groups import group_correlated
from tasks.select.select import select
from tests.unit.select.problems import config, names, problem


def by_name(selection: Selection) -> dict[str, Verdict]:
    return {verdict.feature: verdict for verdict in selection.verdicts}


def test_features_are_kept_dropped_and_counted() -> None:
    table, labels = problem(4000, seed=0)
    wishes = config(keep=("noise15",), drop=("signal01",), max_features=3)
    selection = select(table, labels, names(table), wishes)
    verdicts = by_name(selection)
    assert "noise15" in selection.features
    assert len(selection.features) == 3
    assert verdicts["signal01"].reason == "dropped by the pipeline file"
    assert "kept by the pipeline file" in verdicts["noise15"].reason
    assert sum("beyond the 3 strongest" in v.reason for v in verdicts.values()) == 1


def test_wishes_may_be_patterns_and_must_fit_something() -> None:
    table, labels = problem(1000, seed=0)
    selection = select(table, labels, names(table), config(drop=("signal*",), keep=("noise0[45]",)))
    assert {"noise04", "noise05"} <= set(selection.features)
    assert not any(name.startswith("signal") for name in selection.features)
    with pytest.raises(ConfigError, match="nowhere"):
        select(table, labels, names(table), config(keep=("nowhere*",)))


def test_a_feature_that_is_kept_is_kept_though_it_never_varies() -> None:
    table, labels = problem(1000, seed=0)
    table[:, 5] = 1
    selection = select(table, labels, names(table), config(keep=("noise05",)))
    assert by_name(selection)["noise05"].selected
    assert "same in every row; kept" in by_name(selection)["noise05"].reason


def test_a_budget_of_milliseconds_passes_over_what_no_longer_fits() -> None:
    table, labels = problem(4000, seed=0)
    free = select(table, labels, names(table), config()).features
    costs = {free[0]: 2.0, free[1]: 9.0, "signal*": 1.0}
    selection = select(table, labels, names(table), config(costs=costs, max_cost_ms=4))
    assert selection.features == (free[0], *free[2:])
    assert "beyond the budget of 4 ms" in by_name(selection)[free[1]].reason


def correlated_problem() -> tuple[np.ndarray, np.ndarray]:
    """Two signals are nearly the same as a third, and two noise features the same as each other."""
    table, labels = problem(4000, seed=0)
    generator = np.random.default_rng(1)
    table[:, 6] = table[:, 1] + 0.1 * generator.normal(size=len(table))
    table[:, 7] = -np.exp(table[:, 1])
    table[:, 9] = table[:, 8]
    return table, labels


def test_correlated_features_share_a_verdict_and_one_represents_them() -> None:
    table, labels = correlated_problem()
    verdicts = by_name(select(table, labels, names(table), config()))
    group = [verdicts[name] for name in ("signal01", "noise06", "noise07")]
    assert len({v.group for v in group}) == 1
    assert all(v.selected for v in group)
    assert len({(v.importance, v.threshold, v.stability) for v in group}) == 1
    first = verdicts[group[0].group]
    assert first.shap == max(v.shap or 0 for v in group)
    others = sorted({v.feature for v in group} - {first.feature})
    assert first.reason.endswith(f"represents {', '.join(others)}")
    assert all(f"represented by {first.feature}" in verdicts[name].reason for name in others)
    assert verdicts["noise08"].group == verdicts["noise09"].group in {"noise08", "noise09"}
    assert not verdicts["noise08"].selected
    assert verdicts["signal00"].group == "signal00"


def test_representatives_alone_may_be_kept_and_come_first_in_a_budget() -> None:
    table, labels = correlated_problem()
    alone = select(table, labels, names(table), config(of_a_group="representative"))
    assert len(alone.features) == 4
    assert set(select(table, labels, names(table), config(max_features=4)).features) == set(
        alone.features
    )


def test_a_group_is_no_chain_and_orders_its_features() -> None:
    generator = np.random.default_rng(0)
    first, last = generator.normal(size=(2, 3000))
    table = np.column_stack([first, first + last, last, first**3, generator.normal(size=3000)])
    table[::7, 3] = np.nan
    groups = group_correlated(table.astype(np.float32), 0.6)
    # 0 and 2 are both near 1, and not near each other.
    assert groups[0] != groups[2]
    assert groups[0] == groups[3]
    assert len(set(groups.tolist())) == 3
    assert group_correlated(table[:, :1].astype(np.float32), 0.6).tolist() == [0]


def test_stability_may_be_asked_for() -> None:
    table, labels = problem(4000, seed=0)
    table[:2500, 5] = 0  # a signal of late
    score = np.where(np.arange(4000) < 2500, 0, labels)
    table[:, 5] += 3 * score
    times = np.arange(4000)
    lenient = by_name(select(table, labels, names(table), config(), times))["noise05"]
    assert lenient.selected
    assert (lenient.stability or 0) < 1
    strict = by_name(select(table, labels, names(table), config(min_stability=1), times))["noise05"]
    assert not strict.selected
    assert "of the folds only" in strict.reason


def test_images_are_kept_whole_where_they_are_read_whole() -> None:
    generator = np.random.default_rng(0)
    table = generator.normal(size=(400, 5)).astype(np.float32)
    table[:, 1] = 0  # a pixel of the border
    labels = (table[:, 0] > 0).astype(np.int8)
    columns = ["image.grey@0,0", "image.grey@0,1", "other.grey@0,0", "other.grey@0,1", "flat"]
    for method in ("shadow", "none"):
        wishes = SelectionConfig(method=method, rounds=10, drop=("flat", "other.*"))
        torn = select(table, labels, columns, wishes)
        whole = select(table, labels, columns, wishes, whole=True)
        assert torn.features == ("image.grey@0,0",)
        assert sorted(whole.features) == ["image.grey@0,0", "image.grey@0,1"]
        kept = next(v for v in whole.verdicts if v.feature == "image.grey@0,1")
        assert kept.reason == "the same in every row; kept, for image is read whole"


def test_what_is_to_be_kept_is_kept_without_a_test() -> None:
    wishes = SelectionConfig(method="none", keep=("steady",))
    table = np.array([[1, 0], [2, 0]], np.float32)
    labels = np.array([0, 1])
    assert sorted(select(table, labels, ["moves", "steady"], wishes).features) == [
        "moves",
        "steady",
    ]
