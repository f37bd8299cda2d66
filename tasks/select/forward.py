"""Forward selection: one group after the other, as long as it helps on held-out time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats

from tasks.select.problem import Problem, Tested
from tasks.select.target import Floats
from tasks.select.trees import Grower, Table, predict_margins

_TRAIN_SHARE = 0.7
_TRIES = 3


def forward(problem: Problem) -> Tested:
    """Add the group that trees gain most from beyond those chosen, if held-out loss says so.

    What is tried is found on the earlier rows alone, and tried once on the later ones: a one-sided
    t test of the rows' losses, at level `alpha` for the first and `fdr` for those after it. Up to
    three groups share the level of a step, and the first step that adds none is the last. What
    repeats a group that was chosen adds nothing.

    Returns:
        Importance and threshold are log-loss (or half squared error) a row on held-out time.
    """
    search = _Search(problem)
    chosen: list[int] = []
    gained, needed = np.zeros(problem.units), np.zeros(problem.units)
    while len(chosen) < problem.units and len(search.held.values) > 1:
        step = search.step(chosen)
        for group, gain, threshold in step:
            gained[group], needed[group] = gain, threshold
        passed = [group for group, gain, threshold in step if gain > threshold]
        if not passed:
            break
        chosen.append(passed[0])
    taken = np.isin(np.arange(problem.units), chosen)
    return Tested(gained, needed, taken.astype(np.int64), 1, taken)


class _Search:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.before, self.after = problem.split(_TRAIN_SHARE)
        self.train, self.held = (problem.target.take(part) for part in problem.split(_TRAIN_SHARE))
        self.grower = Grower.of(problem.table[self.before], problem.config.trees)

    def step(self, chosen: list[int]) -> list[tuple[int, float, float]]:
        """Groups tried beyond the chosen, with mean gain and what it had to exceed."""
        config = self.problem.config
        margins, losses = self._fit(chosen)
        gains = self.problem.by_group(self.grower.gains(self.train, config.seed, margins))
        gains[chosen] = 0
        order = [group for group in np.argsort(-gains, kind="stable") if gains[group] > 0]
        tried = []
        for group in order[:_TRIES]:
            saved = losses - self._fit([*chosen, int(group)])[1]
            level = config.fdr if chosen else config.alpha
            tried.append((int(group), float(saved.mean()), _needed(saved, level / _TRIES)))
            if tried[-1][1] > tried[-1][2]:
                break
        return tried

    def _fit(self, groups: list[int]) -> tuple[Table, Floats]:
        """Margins of the earlier rows and losses of the later rows, of trees on some groups."""
        columns = np.flatnonzero(np.isin(self.problem.groups, groups))
        # Without any, a column of zeros: trees have nothing to split on.
        table = self.problem.table[:, columns] if groups else self._nothing()
        table = np.ascontiguousarray(table)
        config = self.problem.config
        booster = Grower.of(table[self.before], config.trees).grow(self.train, config.seed)
        margins = predict_margins(booster, table)
        return margins[self.before], self.held.losses(margins[self.after])

    def _nothing(self) -> npt.NDArray[np.float32]:
        return np.zeros((len(self.problem.table), 1), np.float32)


def _needed(saved: Floats, level: float) -> float:
    """What the mean of the losses saved has to exceed to be more than chance at a level."""
    rows = len(saved)
    return float(stats.t.ppf(1 - level, rows - 1) * saved.std(ddof=1) / rows**0.5)
