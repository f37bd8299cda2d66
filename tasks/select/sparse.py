"""A sparse linear model, with the penalty under which shuffled labels select nothing."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from tasks.select.problem import Problem, Tested
from tasks.select.target import Floats
from tasks.select.trees import Table

_LEAST_ROUNDS = 999
_BATCH = 50
_CLIP = 3.0
_STEPS = 500
_TOLERANCE = 1e-7


def l1(problem: Problem) -> Tested:
    """Fit logistic regression (of a number, least squares) with an L1 penalty.

    The penalty is the largest slope of the loss at 0 that shuffled labels reach but for a share
    `alpha`: just under it they select nothing. Of a missing value its absence is a column beside
    the value. Features whose effect is not one-sided are not found.

    Returns:
        Importance is the largest coefficient of a group in absolute value, of standardised
        columns; the threshold is 0.

    Source: Giacobino, Sardy, Diaz-Rodriguez & Hengartner 2017, doi:10.1214/17-EJS1366.
    """
    config = problem.config
    columns, groups = _design(problem)
    wanted = problem.target.indicators()
    largest = _largest_slopes(columns, wanted, max(config.rounds, _LEAST_ROUNDS), config.seed)
    penalty = float(np.sort(largest)[-max(1, int(config.alpha * (len(largest) + 1)))])
    linear = problem.target.kind == "number"
    sizes = np.zeros(problem.units)
    for labels in wanted.T:
        np.maximum.at(sizes, groups, np.abs(_lasso(columns, labels, penalty, linear)))
    slopes = np.zeros(problem.units)
    centred = wanted - wanted.mean(axis=0)
    np.maximum.at(slopes, groups, np.abs(columns.T @ centred).max(axis=1) / len(columns))
    hits = (slopes > largest[:, None]).sum(axis=0)
    return Tested(sizes, np.zeros(problem.units), hits, len(largest), sizes > 0)


def _design(problem: Problem) -> tuple[Floats, np.ndarray]:
    """Standardised columns, those of absence included, and the group of each."""
    gaps = np.isnan(problem.table)
    with_gaps = np.flatnonzero(gaps.any(axis=0))
    columns = np.hstack([_filled(problem.table), gaps[:, with_gaps].astype(np.float64)])
    groups = np.concatenate([problem.groups, problem.groups[with_gaps]])
    columns = _standardised(np.clip(_standardised(columns), -_CLIP, _CLIP))
    return np.ascontiguousarray(columns), groups


def _filled(table: Table) -> Floats:
    filled = table.astype(np.float64)
    for column in filled.T:
        gaps = np.isnan(column)
        if gaps.any():
            column[gaps] = np.median(column[~gaps]) if not gaps.all() else 0.0
    return filled


def _standardised(columns: Floats) -> Floats:
    spread = columns.std(axis=0)
    scaled: Floats = (columns - columns.mean(axis=0)) / np.where(spread > 1e-12, spread, np.inf)
    return scaled


def _largest_slopes(columns: Floats, wanted: Floats, rounds: int, seed: int) -> Floats:
    """The steepest of all columns' slopes at 0 in each round of shuffled labels (n_rounds,)."""
    generator = np.random.default_rng(seed)
    centred = wanted - wanted.mean(axis=0)
    found: list[Floats] = []
    for start in range(0, rounds, _BATCH):
        orders = [generator.permutation(len(centred)) for _ in range(min(_BATCH, rounds - start))]
        shuffled = np.stack([centred[order] for order in orders], axis=1)
        slopes = np.abs(columns.T @ shuffled.reshape(len(centred), -1))
        found.append(slopes.max(axis=0).reshape(len(orders), -1).max(axis=1))
    return np.concatenate(found) / len(columns)


def _lasso(columns: Floats, labels: Floats, penalty: float, linear: bool) -> Floats:
    """Coefficients of the penalised fit, by proximal gradients with momentum and restarts.

    Source: Beck & Teboulle 2009, doi:10.1137/080716542; O'Donoghue & Candès 2015.
    """
    rows, count = columns.shape
    curvature = 1.0 if linear else 0.25
    step = 1 / (curvature * max(_largest_eigenvalue(columns), 1e-12))
    coefficients, ahead = np.zeros(count), np.zeros(count)
    # Columns are centred: the intercept that fits coefficients of 0 stays near the best.
    intercept = 0.0 if linear else float(np.log(labels.mean() / (1 - labels.mean())))
    if linear:
        labels = labels - labels.mean()
    pace = 1.0
    for _ in range(_STEPS):
        raw = columns @ ahead + intercept
        errors = (raw if linear else expit(raw)) - labels
        intercept -= 0.0 if linear else float(errors.mean()) / curvature
        moved = ahead - step * (columns.T @ errors) / rows
        new = np.sign(moved) * np.maximum(np.abs(moved) - step * penalty, 0)
        change = new - coefficients
        if (ahead - new) @ change > 0:
            pace, ahead = 1.0, new
        else:
            faster = (1 + (1 + 4 * pace**2) ** 0.5) / 2
            ahead = new + (pace - 1) / faster * change
            pace = faster
        coefficients = new
        if np.abs(change).max() < _TOLERANCE:
            break
    return coefficients


def _largest_eigenvalue(columns: Floats) -> float:
    """Of the columns' mean outer product."""
    return float(np.linalg.eigvalsh(columns.T @ columns / len(columns))[-1])
