"""XGBoost behind the protocol: the baseline beside every model, and the last rung that scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xgboost

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Epoch, Fitted, History, Matrix, Rows
from tasks.models.config import XGBoostConfig

TREES = "ubj"


class BoostedScorer:
    """Boosted trees; missing values take the branch that training found best."""

    def __init__(self, booster: xgboost.Booster, threads: int) -> None:
        self._booster = booster
        self._booster.set_param({"nthread": threads})

    def score(self, table: Matrix) -> Matrix:
        if not len(table):
            return np.empty(0, np.float32)
        margins = self._booster.inplace_predict(_clean(table), predict_type="margin")
        return np.asarray(margins, np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """Shapley values of the trees.

        Source: Lundberg et al. 2020, doi:10.1038/s42256-019-0138-9.
        """
        if not len(table):
            return np.empty((0, table.shape[1] + 1), np.float32)
        rows = xgboost.DMatrix(_clean(table))
        return np.asarray(self._booster.predict(rows, pred_contribs=True), np.float32)

    def save(self) -> Mapping[str, bytes]:
        return {TREES: bytes(self._booster.save_raw("ubj"))}


def load_boosted(config: XGBoostConfig, files: Mapping[str, bytes]) -> BoostedScorer:
    """Rebuild the trees.

    Raises:
        ModelError: the file holds no trees.
    """
    booster = xgboost.Booster()
    try:
        if not files[TREES]:
            raise ValueError("an empty file")  # on which XGBoost would end the process
        booster.load_model(bytearray(files[TREES]))
    except (xgboost.core.XGBoostError, KeyError, ValueError) as error:
        raise ModelError(
            "the trees of an XGBoost model",
            found=f"{type(error).__name__}: {str(error).splitlines()[0][:200]}",
            where=f"*.{TREES}",
            do="Train the pipeline again.",
        ) from error
    return BoostedScorer(booster, config.threads)


def fit_boosted(config: XGBoostConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    """Grow trees until the average precision of the stop rows no longer rises."""
    rows = xgboost.QuantileDMatrix(
        _clean(fit.table), fit.labels, max_bin=config.max_bin, nthread=config.threads
    )
    held = xgboost.QuantileDMatrix(
        _clean(stop.table), stop.labels, ref=rows, max_bin=config.max_bin, nthread=config.threads
    )
    record: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _parameters(config, conditions.seed),
        rows,
        config.rounds,
        evals=[(rows, "fit"), (held, "stop")],
        early_stopping_rounds=config.patience,
        evals_result=record,
        verbose_eval=False,
    )
    kept = booster.best_iteration + 1
    grown = len(record["stop"]["aucpr"])
    ended = (
        f"all {grown} trees" if grown == config.rounds else f"no gain in {config.patience} trees"
    )
    epochs = tuple(
        Epoch(number, loss, reached)
        for number, (loss, reached) in enumerate(
            zip(record["fit"]["logloss"], record["stop"]["aucpr"], strict=True), start=1
        )
    )
    return Fitted(BoostedScorer(booster[:kept], config.threads), History(epochs, kept, ended))


def _parameters(config: XGBoostConfig, seed: int) -> dict[str, object]:
    return {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "eval_metric": ["logloss", "aucpr"],
        "max_depth": config.depth,
        "eta": config.learning_rate,
        "subsample": config.row_share,
        "colsample_bytree": config.column_share,
        "max_bin": config.max_bin,
        "nthread": config.threads,
        "seed": seed,
    }


def _clean(table: Matrix) -> Matrix:
    """Infinite values count as missing, as in the networks."""
    return np.where(np.isfinite(table), table, np.float32("nan"))
