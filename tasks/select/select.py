"""Put every candidate to the test and say what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tasks.core.errors import DataError
from tasks.core.results import Selection, Verdict
from tasks.select.config import SelectionConfig
from tasks.select.folds import gather
from tasks.select.forward import forward
from tasks.select.groups import group_correlated
from tasks.select.problem import Problem, Tested, draw_lots, order_rows, sample, thin
from tasks.select.shadows import shadow
from tasks.select.shuffling import null_importance, permutation
from tasks.select.sparse import l1
from tasks.select.target import Target
from tasks.select.trees import Table
from tasks.select.verdicts import judge, rank
from tasks.select.wishes import force, matching, mend_layouts, spend

METHODS: Mapping[str, Callable[[Problem], Tested]] = {
    "null_importance": null_importance,
    "shadow": shadow,
    "permutation": permutation,
    "forward": forward,
    "l1": l1,
}
_RANKED_ROWS = 4_000


def select(
    table: Table,
    labels: npt.NDArray[np.generic],
    names: Sequence[str],
    config: SelectionConfig,
    times: npt.NDArray[np.int64] | None = None,
    whole: bool = False,
    delay: int = 0,
) -> Selection:
    """Select the features that tell the labels better than chance.

    Neither the order of rows nor that of columns has a part in the outcome: rows are sorted by
    time and content, columns by name.

    Args:
        table: (n_rows, n_features) float32, NaN where missing; rows to fit on, no others.
        labels: (n_rows,); integers are classes, floats are numbers to be predicted.
        names: the features, in the order of columns.
        config: the test.
        times: (n_rows,) when each row happened, in microseconds; None where none is later.
        whole: whether a sequence or an image of which anything is selected is kept with all its
            columns, also those that are the same in every row.
        delay: how long after it a row's label is known, in microseconds.

    Returns:
        A verdict for each candidate, strongest first, ties by name. No feature is selected where
        none beats chance and none is forced.

    Raises:
        ConfigError: a feature to keep or drop is not a candidate.
        DataError: all labels are the same.
    """
    kept, dropped = matching(config.keep, names), matching(config.drop, names)
    if config.method == "none":
        return _untested(table, names, (kept, dropped), config, whole)
    target = Target.of(labels)
    _check(target)
    columns = sorted(range(len(names)), key=names.__getitem__)
    table = np.where(np.isfinite(table), table, np.float32("nan"))[:, columns]
    rows = order_rows(table, labels, times, target)
    rows = rows[sample(target.take(rows), config, draw_lots(len(rows), config.seed))]
    table, target = table[rows], target.take(rows)
    times = None if times is None else times[rows]

    varied = np.array([_varies(column) for column in table.T], bool)
    named = [names[i] for i in columns]
    tried = [i for i, name in enumerate(named) if varied[i] and name not in dropped]
    verdicts = [_untried(name, name in dropped) for i, name in enumerate(named) if i not in tried]
    if tried:
        table = np.ascontiguousarray(table[:, tried])
        some = thin(np.arange(len(table)), _RANKED_ROWS)
        groups = group_correlated(table[some], config.correlated)
        problem = Problem(table, target, groups, config, times, delay)
        verdicts += _try(problem, [named[i] for i in tried])
    ranked = rank(mend_layouts([force(verdict, kept) for verdict in verdicts], whole))
    weak = config.if_none == "all" and not any(verdict.selected for verdict in ranked)
    if weak:
        ranked = [_for_want_of_better(verdict) for verdict in ranked]
    return Selection(config.method, tuple(spend(ranked, kept, config)), weak)


def _untested(
    table: Table,
    names: Sequence[str],
    wishes: tuple[frozenset[str], frozenset[str]],
    config: SelectionConfig,
    whole: bool,
) -> Selection:
    """Every feature that varies among the rows to fit on, and what is kept besides, by name."""
    kept, dropped = wishes
    verdicts = [
        Verdict(name, 0.0, 0.0, 0, 0, True, "kept without a test", group=name)
        if name not in dropped and _varies(column)
        else _untried(name, name in dropped)
        for name, column in zip(names, np.where(np.isfinite(table), table, np.nan).T, strict=True)
    ]
    ranked = rank(mend_layouts([force(verdict, kept) for verdict in verdicts], whole))
    return Selection(config.method, tuple(spend(ranked, kept, config)), False)


def _try(problem: Problem, names: Sequence[str]) -> list[Verdict]:
    tested = METHODS[problem.config.method](problem)
    return judge(names, problem.groups, tested, gather(problem, tested), problem.config)


def _varies(column: Table) -> bool:
    present = column[~np.isnan(column)]
    if len(present) == 0:
        return False
    return len(present) < len(column) or bool(present.min() < present.max())


def _untried(name: str, dropped: bool) -> Verdict:
    reason = "dropped by the pipeline file" if dropped else "the same in every row"
    return Verdict(name, 0.0, 0.0, 0, 0, False, reason, group=name)


def _for_want_of_better(verdict: Verdict) -> Verdict:
    if not verdict.rounds:
        return verdict
    return replace(verdict, selected=True, reason=f"{verdict.reason}; used, for nothing does")


def _check(target: Target) -> None:
    if not target.varies:
        raise DataError(
            "labels that differ, to select on: positives and negatives",
            found=f"{len(target.values)} rows, all of one label",
            where="the part `fit` of the examples",
            do="Train on a longer window, or check the label's definition.",
        )
