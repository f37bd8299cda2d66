"""XGBoost behind the protocol: the baseline beside every model, and the last rung that scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xgboost
from pydantic import TypeAdapter

from tasks.models.base import Conditions, Epoch, Fitted, History, Matrix, Rows, Target
from tasks.models.boosted_config import XGBoostConfig
from tasks.models.booster_file import read_booster
from tasks.models.outcomes import odds_of_others, share_of_classes
from tasks.models.stopping import LOSS_WEIGHT
from tasks.models.stored import holding

TREES = "ubj"
_TARGET = "lamplighter_target"
Record = Mapping[str, Mapping[str, Any]]  # of fit and stop rows, each metric after each tree
# What each target is fitted to, its loss, the metric that stops, and whether more of it is better.
_TASKS: Mapping[str, tuple[str, str, str, int]] = {
    "binary": ("binary:logistic", "logloss", "aucpr", 1),
    "classes": ("multi:softprob", "mlogloss", "mlogloss", -1),
    "value": ("reg:squarederror", "rmse", "rmse", -1),
}


class BoostedScorer:
    """Boosted trees; missing values take the branch that training found best."""

    def __init__(self, booster: xgboost.Booster, target: Target, threads: int) -> None:
        self.booster, self.target = booster, target
        self.booster.set_param({"nthread": threads})

    def score(self, table: Matrix) -> Matrix:
        margins = self._margins(table)
        if self.target.kind == "classes":
            return odds_of_others(margins.astype(np.float64), self.target.normal).astype(np.float32)
        return margins

    def outputs(self, table: Matrix) -> Matrix:
        margins = self._margins(table).astype(np.float64)
        logs = margins - np.logaddexp.reduce(margins, axis=1, keepdims=True)
        return np.asarray(logs, np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """Shapley values of the trees; of classes, by the score's slope to each class's margin.

        Source: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9.
        """
        if not len(table):
            return np.empty((0, table.shape[1] + 1), np.float32)
        rows = xgboost.DMatrix(_clean(table))
        shares = np.asarray(self.booster.predict(rows, pred_contribs=True))
        if self.target.kind == "classes":
            shares = share_of_classes(shares.astype(np.float64), self.target.normal)
        return np.asarray(shares, np.float32)

    def save(self) -> Mapping[str, bytes]:
        return {TREES: bytes(self.booster.save_raw("ubj"))}

    def _margins(self, table: Matrix) -> Matrix:
        if not len(table):
            wide = self.target.kind == "classes"
            return np.empty((0, self.target.outputs) if wide else 0, np.float32)
        margins = self.booster.inplace_predict(_clean(table), predict_type="margin")
        return np.asarray(margins, np.float32)


def load_boosted(config: XGBoostConfig, files: Mapping[str, bytes]) -> BoostedScorer:
    """Rebuild the trees.

    Raises:
        ModelError: the file holds no trees.
    """
    with holding("the trees of an XGBoost model", f"*.{TREES}"):
        booster = read_booster(files[TREES], f"*.{TREES}")
        target = TypeAdapter(Target).validate_json(booster.attr(_TARGET) or "")
    return BoostedScorer(booster, target, config.threads)


def fit_boosted(config: XGBoostConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    """Grow trees until the stop metric no longer rises.

    It is the average precision of the stop rows less a hundredth of their log loss, of classes
    their mean log-likelihood, of a value the negative root of the mean squared error. A start is
    trees that more are added to.
    """
    rows = xgboost.QuantileDMatrix(
        _clean(fit.table), fit.labels, max_bin=config.max_bin, nthread=config.threads
    )
    held = xgboost.QuantileDMatrix(
        _clean(stop.table), stop.labels, ref=rows, max_bin=config.max_bin, nthread=config.threads
    )
    record: dict[str, dict[str, list[float]]] = {}
    start = load_boosted(config, conditions.start).booster if conditions.start else None
    booster = xgboost.train(
        _parameters(config, fit.target, conditions.seed),
        rows,
        config.rounds,
        evals=[(rows, "fit"), (held, "stop")],
        evals_result=record,
        verbose_eval=False,
        xgb_model=start,
        callbacks=[_Patience(config, fit.target)],
    )
    history, kept = _history(config, fit.target, record)
    best = booster[: kept + (start.num_boosted_rounds() if start else 0)]
    best.set_attr(**{_TARGET: TypeAdapter(Target).dump_json(fit.target).decode()})
    return Fitted(BoostedScorer(best, fit.target, config.threads), history)


class _Patience(xgboost.callback.TrainingCallback):
    """Ends the growing once so many trees brought no better stop metric."""

    def __init__(self, config: XGBoostConfig, target: Target) -> None:
        super().__init__()
        self.patience, self.target = config.patience, target

    def after_iteration(self, *told: Any) -> bool:
        """The trees, their number, and the metrics so far: whether to end."""
        _, _, record = told
        reached = _reached(self.target, record)
        return len(reached) - int(np.argmax(reached)) > self.patience


def _reached(target: Target, record: Record) -> list[float]:
    """The stop metric after each tree; as of a network (`tasks.models.stopping`)."""
    _, loss, metric, sign = _TASKS[target.kind]
    losses = np.asarray(record["stop"][loss]) if target.kind == "binary" else 0.0
    reached: list[float] = (
        sign * np.asarray(record["stop"][metric]) - LOSS_WEIGHT * losses
    ).tolist()
    return reached


def _history(config: XGBoostConfig, target: Target, record: Record) -> tuple[History, int]:
    """Each tree's losses and stop metrics, and how many trees are kept."""
    loss, reached = _TASKS[target.kind][1], _reached(target, record)
    kept, grown = int(np.argmax(reached)) + 1, len(reached)
    ended = (
        f"all {grown} trees" if grown == config.rounds else f"no gain in {config.patience} trees"
    )
    steps = enumerate(zip(record["fit"][loss], reached, strict=True), start=1)
    epochs = tuple(Epoch(number, loss, value) for number, (loss, value) in steps)
    return History(epochs, kept, ended), kept


def _parameters(config: XGBoostConfig, target: Target, seed: int) -> dict[str, Any]:
    objective, loss, metric, _ = _TASKS[target.kind]
    classes = {"num_class": target.outputs} if target.kind == "classes" else {}
    return {
        "objective": objective,
        "tree_method": "hist",
        "eval_metric": list(dict.fromkeys((loss, metric))),
        "max_depth": config.depth,
        "eta": config.learning_rate,
        "subsample": config.row_share,
        "colsample_bytree": config.column_share,
        "max_bin": config.max_bin,
        "nthread": config.threads,
        "seed": seed,
        **classes,
    }


def _clean(table: Matrix) -> Matrix:
    """Infinite values count as missing, as in the networks."""
    return np.where(np.isfinite(table), table, np.float32("nan"))
