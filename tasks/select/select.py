"""Put every candidate to the test and say what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tasks.core.artifacts import Selection, Verdict
from tasks.core.errors import ConfigError, DataError
from tasks.select.config import SelectionConfig
from tasks.select.methods import Tested, null_importance, shadow

_METHODS = {"null_importance": null_importance, "shadow": shadow}


def select(
    table: NDArray[np.float32],
    labels: NDArray[np.int8],
    names: Sequence[str],
    config: SelectionConfig,
) -> Selection:
    """Select the features that tell positives from negatives better than chance.

    Args:
        table: (n_rows, n_features) float32, NaN where missing; rows to fit on, no others.
        labels: (n_rows,) 0 or 1.
        names: the features, in the order of columns.
        config: the test.

    Returns:
        A verdict for each candidate, strongest first, ties by name.

    Raises:
        ConfigError: a feature to keep or drop is not a candidate.
        DataError: one class only, or no feature passes.
    """
    _check(labels, names, config)
    rows = sample(labels, config.max_rows, config.seed)
    table, labels = table[rows], labels[rows]
    varied = [_varies(column) for column in table.T]
    tried = [i for i, name in enumerate(names) if varied[i] and name not in config.drop]
    verdicts = {name: _untried(name, config) for name in names}
    if tried:
        tested = _METHODS[config.method](np.ascontiguousarray(table[:, tried]), labels, config)
        verdicts |= _verdicts([names[i] for i in tried], tested, config)
    ranked = sorted(verdicts.values(), key=lambda v: (-v.importance, v.feature))
    selection = Selection(config.method, tuple(_bounded(ranked, config)))
    if not selection.features:
        raise DataError(
            f"a feature that tells positives from negatives, at level {config.alpha}",
            found=f"none of {len(names)} beat chance on {len(rows)} rows "
            f"with {int(labels.sum())} positives",
            where=f"selection by {config.method}",
            do="Train on a longer window, add features, or name some in selection.keep.",
        )
    return selection


def sample(labels: NDArray[np.int8], most: int, seed: int) -> NDArray[np.int64]:
    """Choose rows, in order: of the rarer class as many as fit in half, of the other the rest."""
    if len(labels) <= most:
        return np.arange(len(labels))
    generator = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == value) for value in (0, 1)]
    rare, common = sorted(classes, key=len)
    few = min(len(rare), most // 2)
    chosen = [
        generator.choice(rare, few, replace=False),
        generator.choice(common, most - few, replace=False),
    ]
    return np.sort(np.concatenate(chosen))


def _varies(column: NDArray[np.float32]) -> bool:
    present = column[~np.isnan(column)]
    if len(present) == 0:
        return False
    return len(present) < len(column) or bool(present.min() < present.max())


def _untried(name: str, config: SelectionConfig) -> Verdict:
    reason = "dropped by the pipeline file" if name in config.drop else "the same in every row"
    return Verdict(name, 0.0, 0.0, 0, 0, name in config.keep, reason)


def _verdicts(names: Sequence[str], tested: Tested, config: SelectionConfig) -> dict[str, Verdict]:
    """Importances and thresholds as shares of the total gain of all candidates."""
    total = float(tested.importance.sum()) or 1.0
    opponent = "shuffled labels" if config.method == "null_importance" else "its shadows"
    verdicts = {}
    for i, name in enumerate(names):
        importance, threshold = tested.importance[i] / total, tested.threshold[i] / total
        passed = bool(tested.passed[i])
        reason = f"{'beats' if passed else 'does not beat'} {opponent}"
        if name in config.keep:
            passed, reason = True, f"{reason}; kept by the pipeline file"
        verdicts[name] = Verdict(
            name,
            float(importance),
            float(threshold),
            int(tested.hits[i]),
            config.rounds,
            passed,
            reason,
        )
    return verdicts


def _bounded(ranked: Sequence[Verdict], config: SelectionConfig) -> Sequence[Verdict]:
    if config.max_features is None:
        return ranked
    room = config.max_features - sum(v.feature in config.keep for v in ranked)
    bounded = []
    for verdict in ranked:
        chosen = verdict.selected and verdict.feature not in config.keep
        if chosen and room <= 0:
            reason = f"{verdict.reason}, beyond the {config.max_features} strongest"
            bounded.append(replace(verdict, selected=False, reason=reason))
            continue
        room -= chosen
        bounded.append(verdict)
    return bounded


def _check(labels: NDArray[np.int8], names: Sequence[str], config: SelectionConfig) -> None:
    unknown = sorted({*config.keep, *config.drop} - {*names})
    if unknown:
        raise ConfigError(
            "features the pipeline builds, in selection.keep and selection.drop",
            found=", ".join(unknown),
            where="selection",
            do="Correct the names.",
        )
    positives = int(labels.sum())
    if positives in (0, len(labels)):
        raise DataError(
            "positives and negatives to select on",
            found=f"{positives} positives in {len(labels)} rows",
            where="the part `fit` of the examples",
            do="Train on a longer window, or check the label's definition.",
        )
