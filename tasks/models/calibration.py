"""From a raw score to a probability, a p-value against known negatives, or an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import safetensors.numpy
from scipy.special import expit

from tasks.models.base import Vector
from tasks.models.residuals import Residuals
from tasks.models.stored import arrays_of, holding

Method = Literal["isotonic", "platt", "temperature", "none"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What the calibration part of the split taught about a model's scores.

    Args:
        method: `isotonic`: `probabilities` at the knots `scores`, straight lines between;
            `platt` and `temperature`: `scores` is empty, `probabilities` holds the slope and the
            intercept of the log-odds, which is 0 for `temperature`; `none`: both are empty, as no
            label told of any, or labels are values.
        scores: rising (n_knots,).
        probabilities: never falling (n_knots,); (2,) where they hold slope and intercept.
        negatives: scores of the negative rows, rising (n_negatives,); of all, if none is labelled
            or labels are values.
        residuals: what predicted values missed by; None where scores are no values.
    """

    method: Method
    scores: Vector
    probabilities: Vector
    negatives: Vector
    residuals: Residuals | None = None

    def probability(self, scores: Vector) -> Vector:
        """Calibrated probabilities (n,) of scores (n,); NaN where no label told of any."""
        if self.method == "none":
            return np.full(len(scores), np.nan)
        if self.method == "isotonic":
            return np.asarray(np.interp(scores, self.scores, self.probabilities), np.float64)
        slope, intercept = self.probabilities
        return np.asarray(expit(slope * scores + intercept), np.float64)

    def p_value(self, scores: Vector) -> Vector:
        """Conformal p-values (n,): how rare a score at least as high is among negatives.

        Uniform or larger for negatives, whatever the model, as long as they are exchangeable with
        those of the calibration; the smallest it can give is 1 / (n_negatives + 1).

        Source: Vovk, Gammerman & Shafer 2005, doi:10.1007/b106715, chapter 2.
        """
        count = len(self.negatives)
        at_least = count - np.searchsorted(self.negatives, scores, side="left")
        return np.asarray((1 + at_least) / (count + 1), np.float64)

    def save(self) -> bytes:
        """The calibration as safetensors."""
        arrays = {
            "scores": self.scores,
            "probabilities": self.probabilities,
            "negatives": self.negatives,
            **(self.residuals.arrays() if self.residuals else {}),
        }
        return safetensors.numpy.save(arrays)

    @classmethod
    def load(cls, method: Method, content: bytes) -> Calibration:
        """Read what `save` wrote.

        Raises:
            ModelError: the bytes are no calibration.
        """
        with holding("a calibration", "*-calibration.safetensors"):
            arrays = arrays_of(content)
            own = (arrays["scores"], arrays["probabilities"], arrays["negatives"])
            return cls(method, *own, Residuals.of_arrays(arrays))
