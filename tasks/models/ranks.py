"""An ensemble: each member says how rare a score as high as a row's is among usual rows.

Ranks make scores of any scale comparable, and a single row can be ranked because its peers are
those of the training, not of the night. Beyond nearly all of them a rank says no more; there a
heavy tail does, fitted to the highest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from tasks.core.errors import ModelError
from tasks.models.base import Conditions, Family, Fitted, History, Matrix, Rows, Scorer, Vector
from tasks.models.config import RanksConfig
from tasks.models.normals import usual_rows
from tasks.models.stored import from_files, holding, to_files

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
        tensors: dict[str, Tensor] = {}
        for number, (member, rarity) in enumerate(self._members):
            tensors[f"{number}.knots"] = torch.from_numpy(rarity.knots)
            tensors[f"{number}.excess"] = torch.tensor([rarity.excess], dtype=torch.float64)
            for suffix, content in member.save().items():
                tensors[f"{number}/{suffix}"] = _as_tensor(content)
        return to_files(tensors)


def ranks_family(models: Mapping[str, Family]) -> Family:
    """The family of ensembles of some models.

    Args:
        models: the families that members may be of.
    """

    def fit(config: RanksConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
        return _fit(models, config, fit, stop, conditions)

    def load(config: RanksConfig, files: Mapping[str, bytes]) -> RanksScorer:
        return _load(models, config, files)

    return Family(fit, load)


def _fit(
    models: Mapping[str, Family],
    config: RanksConfig,
    fit: Rows,
    stop: Rows,
    conditions: Conditions,
) -> Fitted:
    fitted = [
        models[member.kind].fit(member, fit, stop, _of_member(conditions, number))
        for number, member in enumerate(config.members)
    ]
    scorer = RanksScorer.join([each.scorer for each in fitted], _peers(fit, stop))
    ends = (
        f"{member.kind}: {each.history.ended}"
        for member, each in zip(config.members, fitted, strict=True)
    )
    return Fitted(scorer, History((), 0, "; ".join(ends)))


def _load(
    models: Mapping[str, Family], config: RanksConfig, files: Mapping[str, bytes]
) -> RanksScorer:
    with holding("ensemble by ranks"):
        tensors = from_files(files)
        members, rarities = [], []
        for number, member in enumerate(config.members):
            own = _files_of(tensors, number)
            members.append(models[member.kind].load(member, own))
            knots = tensors[f"{number}.knots"].numpy()
            rarities.append(Rarity(knots, float(tensors[f"{number}.excess"][0])))
        return RanksScorer(members, rarities)


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


def _of_member(conditions: Conditions, number: int) -> Conditions:
    """The conditions of one member, with its part of an earlier ensemble to begin with."""
    if conditions.start is None:
        return conditions
    return replace(conditions, start=_files_of(from_files(conditions.start), number))


def _files_of(tensors: Mapping[str, Tensor], number: int) -> dict[str, bytes]:
    """The files that one member saved."""
    parts = {name.partition("/"): value for name, value in tensors.items()}
    return {
        suffix: value.numpy().tobytes()
        for (head, slash, suffix), value in parts.items()
        if slash and head == str(number)
    }


def _as_tensor(content: bytes) -> Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
