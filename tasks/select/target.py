"""What is predicted: two classes, many classes or a number, told by the labels themselves."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp, ndtri

Floats = npt.NDArray[np.float64]
Kind = Literal["binary", "classes", "number"]


@dataclass(frozen=True, slots=True)
class Target:
    """Labels as boosted trees take them.

    Args:
        kind: two classes, many classes or a number.
        values: (n_rows,) float32; of a class its position, of a number its normal score: what a
            normal variable has at its rank, so that a few huge numbers do not outweigh all others.
        classes: how many there are; 1 of a number.
    """

    kind: Kind
    values: npt.NDArray[np.float32]
    classes: int

    @classmethod
    def of(cls, labels: npt.NDArray[Any]) -> Target:
        """Whole numbers are classes, fractions are numbers."""
        if labels.dtype.kind == "f":
            return cls("number", _normal_scores(labels).astype(np.float32), 1)
        found, places = np.unique(labels, return_inverse=True)
        kind: Kind = "binary" if len(found) <= 2 else "classes"
        return cls(kind, places.astype(np.float32), len(found))

    @property
    def varies(self) -> bool:
        """Whether there is anything to tell apart."""
        return len(self.values) > 0 and bool(self.values.min() < self.values.max())

    @property
    def parameters(self) -> dict[str, Any]:
        """What XGBoost has to know of it."""
        if self.kind == "binary":
            share = float(np.clip(self.values.mean(), 1e-6, 1 - 1e-6))
            return {"objective": "binary:logistic", "base_score": share}
        if self.kind == "classes":
            return {"objective": "multi:softprob", "num_class": self.classes}
        return {"objective": "reg:squarederror", "base_score": float(self.values.mean())}

    def take(self, rows: npt.NDArray[Any] | slice) -> Target:
        """The labels of some rows; all classes stay classes."""
        return replace(self, values=self.values[rows])

    def shuffled(self, generator: np.random.Generator) -> Target:
        """The same labels, each at a row by chance."""
        return replace(self, values=generator.permutation(self.values))

    def losses(self, margins: npt.NDArray[np.float32]) -> Floats:
        """Log loss in nats, or half the squared error, of each row's raw prediction."""
        raw = margins.astype(np.float64)
        if self.kind == "binary":
            loss: Floats = np.logaddexp(0, np.where(self.values == 1, -raw, raw))
        elif self.kind == "classes":
            own = np.take_along_axis(raw, self.values.astype(np.int64)[:, None], axis=1)[:, 0]
            loss = logsumexp(raw, axis=1) - own
        else:
            loss = (raw - self.values) ** 2 / 2
        return loss

    def indicators(self) -> Floats:
        """(n_rows, k): 0 or 1 of the positive or of each class, or the number."""
        if self.kind == "classes":
            own: Floats = (self.values[:, None] == np.arange(self.classes)).astype(np.float64)
            return own
        return self.values.astype(np.float64)[:, None]


def _normal_scores(numbers: npt.NDArray[Any]) -> Floats:
    """Numbers (n,) by their rank, equal ones alike, as a standard normal variable's.

    Source: van der Waerden 1952; Conover 1999, Practical Nonparametric Statistics, chapter 5.
    """
    if not len(numbers):
        return np.empty(0)
    _, place, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    scores: Floats = ndtri(middle[place] / len(numbers))
    return scores
