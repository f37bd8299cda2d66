"""An ensemble: each member says how rare a score as high as a row's is among usual rows.

Ranks make scores of any scale comparable, and a single row can be ranked because its peers are
those of the training, not of the night. Beyond nearly all of them a rank says no more; there a
heavy tail does, fitted to the highest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Family, Fitted, Matrix, Rows, Scorer, Vector
from tasks.models.config import RanksConfig
from tasks.models.members import Families, fit_members, load_members, to_tensors
from tasks.models.normals import usual_rows
from tasks.models.stored import WEIGHTS, holding, tensors_of, to_files

BODY = 0.9  # share of the usual scores that are ranked among themselves; the tail has the rest
_KNOTS = 129
_SHAPE = 0.5  # of the tail, a generalised Pareto distribution without a finite variance
_ENOUGH_ROWS = 200  # stop rows from which ranks are taken among them, as they were not fitted on


@dataclass(frozen=True, slots=True)
class Rarity:
    """How rare scores are among those of usual rows.

    Args:
        knots: their quantiles from 0 to 0.9 (129,).
        excess: by how much those above the last knot exceed it on average.
    """

    knots: Vector
    excess: float

    @classmethod
    def learn(cls, scores: Matrix | Vector) -> Rarity:
        """Learn from the scores of usual rows (n_rows,)."""
        exact = scores.astype(np.float64)
        knots = np.quantile(exact, np.linspace(0, BODY, _KNOTS))
        over = exact[exact > knots[-1]] - knots[-1]
        least = 1e-6 * max(1.0, abs(float(knots[-1])))
        return cls(knots, max(float(over.mean()) if len(over) else 0.0, least))

    def of(self, scores: Matrix | Vector) -> Vector:
        """Minus the natural logarithm of the share of usual scores that are higher (n_rows,)."""
        exact = scores.astype(np.float64)
        lower = np.interp(exact, self.knots, np.linspace(0, BODY, len(self.knots)))
        over = np.maximum(exact - self.knots[-1], 0) / self.excess
        tail: Vector = np.log1p(_SHAPE * over) / _SHAPE - np.log1p(-lower)
        return tail


class RanksScorer:
    """Fitted members behind the protocol of `tasks.models.base.Scorer`.

    Args:
        members: their scorers.
        rarities: of their scores.
    """

    def __init__(self, members: Sequence[Scorer], rarities: Sequence[Rarity]) -> None:
        self._members = tuple(zip(members, rarities, strict=True))

    @classmethod
    def join(cls, members: Sequence[Scorer], usual: Matrix) -> RanksScorer:
        """Rank members among the scores they give usual rows (n_rows, n_features)."""
        return cls(members, [Rarity.learn(each.score(usual)) for each in members])

    def score(self, table: Matrix) -> Matrix:
        found = [rarity.of(member.score(table)) for member, rarity in self._members]
        return np.asarray(np.mean(found, axis=0), np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """Each member's contributions, stretched so that they add up to its rarity."""
        parts = [_stretched(member.explain(table), rarity) for member, rarity in self._members]
        return np.asarray(np.mean(parts, axis=0), np.float32)

    def save(self) -> Mapping[str, bytes]:
        tensors = to_tensors(member for member, _ in self._members)
        for number, (_, rarity) in enumerate(self._members):
            tensors[f"{number}.knots"] = torch.from_numpy(rarity.knots)
            tensors[f"{number}.excess"] = torch.tensor([rarity.excess], dtype=torch.float64)
        return to_files(tensors)


def ranks_family(models: Families) -> Family:
    """The family of ensembles of some models.

    Args:
        models: the families that members may be of.
    """

    def fit(config: RanksConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
        members, history = fit_members(models, config.members, fit, stop, conditions)
        return Fitted(RanksScorer.join(members, _peers(fit, stop)), history)

    def load(config: RanksConfig, files: Mapping[str, bytes]) -> RanksScorer:
        with holding("the members of an ensemble by ranks"):
            tensors = tensors_of(files[WEIGHTS])
            members = load_members(models, config.members, tensors)
            return RanksScorer(members, [_rarity(tensors, n) for n in range(len(members))])

    return Family(fit, load)


def _rarity(tensors: Mapping[str, Tensor], number: int) -> Rarity:
    knots, excess = tensors[f"{number}.knots"].numpy(), tensors[f"{number}.excess"]
    if knots.shape != (_KNOTS,) or (np.diff(knots) < 0).any() or not excess[0] > 0:
        raise ValueError(f"ranks of member {number} that do not rise")
    return Rarity(knots, float(excess[0]))


def _peers(fit: Rows, stop: Rows) -> Matrix:
    """The usual rows to rank among: held back ones, where they are enough."""
    try:
        held, _ = usual_rows(stop, "auto")
    except ModelError:
        held = stop.table[:0]
    return held if len(held) >= _ENOUGH_ROWS else usual_rows(fit, "auto")[0]


def _stretched(shares: Matrix, rarity: Rarity) -> Vector:
    """Contributions to a score as contributions to its rarity: both ends as they are."""
    exact = shares.astype(np.float64)
    start = exact[:, -1]
    score = exact.sum(axis=1)
    way = score - start
    begins = rarity.of(start)
    factor = np.divide(rarity.of(score) - begins, way, out=np.zeros(len(way)), where=way != 0)
    return np.hstack([exact[:, :-1] * factor[:, None], begins[:, None]])
