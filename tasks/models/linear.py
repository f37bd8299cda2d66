"""Logistic, softmax and linear regression: what a model has to beat to be worth its cost.

Each feature enters as its scaled value and as a mark where it is missing (`tasks.models.encoding`,
without pieces), so that a heavy tail does not rule the fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import safetensors.numpy
import torch
from pydantic import TypeAdapter
from scipy.optimize import minimize
from scipy.special import expit, log_softmax

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Epoch, Fitted, History, Matrix, Rows, Target
from tasks.models.encoding import EXTRA, Encoding
from tasks.models.linear_config import LinearConfig
from tasks.models.outcomes import odds_of_others, share_of_classes
from tasks.models.stopping import STOP_NAMES, stop_metric
from tasks.models.stored import WEIGHTS, arrays_of, holding

_TARGET = "target"
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearScorer:
    """Coefficients of columns.

    Args:
        encoding: of the columns.
        weights: float64 (features * 2 + 1, outputs); the last row is where all rows start.
        target: what the outputs stand for.
    """

    encoding: Encoding
    weights: Floats
    target: Target

    def score(self, table: Matrix) -> Matrix:
        margins = _margins(_design(self.encoding, table), self.weights)
        if self.target.kind == "classes":
            return odds_of_others(margins, self.target.normal).astype(np.float32)
        return margins[:, 0].astype(np.float32)

    def outputs(self, table: Matrix) -> Matrix:
        margins = _margins(_design(self.encoding, table), self.weights)
        return np.asarray(log_softmax(margins, axis=1), np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """What each feature adds: exact, but of classes by the score's slope to each margin."""
        count, features = table.shape
        parts = _design(self.encoding, table)[:, :, None] * self.weights[:-1]
        added = (
            parts.reshape(count, features, EXTRA, self.target.outputs)
            .sum(axis=2)
            .transpose(0, 2, 1)
        )
        start = np.broadcast_to(self.weights[-1][None, :, None], (count, added.shape[1], 1))
        shares = np.concatenate([added, start], axis=2)
        if self.target.kind == "classes":
            return share_of_classes(shares, self.target.normal).astype(np.float32)
        return shares[:, 0].astype(np.float32)

    def save(self) -> Mapping[str, bytes]:
        learned = {name: value.numpy() for name, value in self.encoding.state_dict().items()}
        facts = np.frombuffer(TypeAdapter(Target).dump_json(self.target), np.uint8)
        arrays = {**learned, "weights": self.weights, _TARGET: facts}
        return {WEIGHTS: safetensors.numpy.save(arrays)}


def load_linear(_: LinearConfig, files: Mapping[str, bytes]) -> LinearScorer:
    """Rebuild the coefficients.

    Raises:
        ModelError: the file holds none.
    """
    with holding("the coefficients of a linear model"):
        arrays = arrays_of(files[WEIGHTS])
        target = TypeAdapter(Target).validate_json(arrays.pop(_TARGET).tobytes())
        weights = arrays.pop("weights")
        encoding = Encoding(len(arrays["median"]), 0)
        encoding.load_state_dict({name: torch.from_numpy(each) for name, each in arrays.items()})
        if weights.shape != (encoding.features * EXTRA + 1, target.outputs):
            raise ValueError(f"coefficients of shape {weights.shape}")
    return LinearScorer(encoding, weights, target)


def fit_linear(config: LinearConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
    """Fit with one penalty after the other, each from where the last one ended; keep the best.

    Nothing is drawn: the seed has no part in it.
    """
    encoding = Encoding.learn(fit.table, 0)
    design, target = _design(encoding, fit.table), fit.target
    weights = np.zeros((design.shape[1] + 1, target.outputs))
    if target.kind == "value":
        weights[-1] = fit.labels.mean(dtype=np.float64)
    if conditions.start is not None:
        start = load_linear(config, conditions.start)
        weights = start.weights if start.weights.shape == weights.shape else weights
    best, epochs = weights, list[Epoch]()
    for number, penalty in enumerate(config.penalties, start=1):
        weights, loss = _descend(design, fit, weights, penalty, config.steps)
        reached = stop_metric(LinearScorer(encoding, weights, target), stop)
        if reached > max((epoch.stop_metric for epoch in epochs), default=-np.inf):
            best, kept = weights, number
        epochs.append(Epoch(number, loss, reached))
    if not any(np.isfinite(epoch.stop_metric) for epoch in epochs):
        raise ModelError(
            f"a finite {STOP_NAMES[target.kind]}",
            found="none with any penalty",
            where="model.penalties",
            do="Look for extreme values in the features or the labels.",
        )
    scorer = LinearScorer(encoding, best, target)
    ended = f"all {len(epochs)} penalties; kept {config.penalties[kept - 1]:g}"
    return Fitted(scorer, History(tuple(epochs), kept, ended))


def _descend(
    design: Floats, fit: Rows, start: Floats, penalty: float, steps: int
) -> tuple[Floats, float]:
    """Minimise mean loss and penalty from given weights; also the mean loss reached."""
    truth = _indicators(fit)

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(start.shape)
        margins = _margins(design, weights)
        value, slope = _losses(margins, truth, fit.target)
        gradient = np.vstack([design.T @ slope, slope.sum(axis=0)])
        gradient[:-1] += penalty * weights[:-1]
        return value + penalty / 2 * float((weights[:-1] ** 2).sum()), gradient.ravel()

    options = {"maxiter": steps}
    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    weights = np.asarray(found.x, np.float64).reshape(start.shape)
    return weights, _losses(_margins(design, weights), truth, fit.target)[0]


def _losses(margins: Floats, truth: Floats, target: Target) -> tuple[float, Floats]:
    """Mean loss, and its slope to each margin."""
    rows = len(margins)
    if target.kind == "classes":
        logs = log_softmax(margins, axis=1)
        return -float((truth * logs).sum()) / rows, (np.exp(logs) - truth) / rows
    if target.kind == "value":
        away = margins - truth
        return float((away**2).mean()) / 2, away / rows
    loss = np.logaddexp(0, np.where(truth == 1, -margins, margins))
    return float(loss.mean()), (expit(margins) - truth) / rows


def _indicators(fit: Rows) -> Floats:
    """(n, outputs): 0 or 1 of each class or of what is looked for, or the value."""
    if fit.target.kind == "classes":
        return np.asarray(fit.labels[:, None] == np.arange(fit.target.outputs), np.float64)
    return fit.labels.astype(np.float64)[:, None]


def _design(encoding: Encoding, table: Matrix) -> Floats:
    """(n, features * 2): each feature's scaled value, then its mark."""
    with torch.inference_mode():
        codes = encoding(torch.from_numpy(np.ascontiguousarray(table, np.float32)))
        design: Floats = codes.permute(2, 0, 1).flatten(1).double().numpy()
    return design


def _margins(design: Floats, weights: Floats) -> Floats:
    return np.asarray(design @ weights[:-1] + weights[-1])
