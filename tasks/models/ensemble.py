"""An ensemble of supervised models: the mean of their chances, or of their values.

Boosted trees and networks err on different rows, so that their mean ranks better than either on
most tables, and seldom worse than the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from pydantic import TypeAdapter

from tasks.models.base import (
    ClassScorer,
    Conditions,
    Family,
    Fitted,
    History,
    Matrix,
    Rows,
    Scorer,
    Target,
    Vector,
)
from tasks.models.config import EnsembleConfig
from tasks.models.members import Families, fit_members, load_members, to_tensors
from tasks.models.outcomes import log_chances, log_odds_of_mean, odds_of_others, with_rest
from tasks.models.stored import WEIGHTS, holding, tensors_of, to_files

_TARGET = "target"
_SEEDS_APART = 7919  # between those of the bags: a checkpoint knows a training by its seed


class EnsembleScorer:
    """Fitted members behind the protocol of `tasks.models.base.ClassScorer`.

    Args:
        members: their scorers.
        target: what their scores stand for.
    """

    def __init__(self, members: Sequence[Scorer], target: Target) -> None:
        self._members, self._target = tuple(members), target

    def score(self, table: Matrix) -> Matrix:
        if self._target.kind == "classes":
            logs = self.outputs(table).astype(np.float64)
            return odds_of_others(logs, self._target.normal).astype(np.float32)
        each = self._by_member(lambda member: member.score(table))
        return self._joined(each).astype(np.float32)

    def outputs(self, table: Matrix) -> Matrix:
        logs = self._by_member(lambda member: cast("ClassScorer", member).outputs(table))
        return np.asarray(log_chances(torch.from_numpy(logs)).numpy(), np.float32)

    def explain(self, table: Matrix) -> Matrix:
        """The mean of the members' contributions; what they leave over is spread as they are."""
        each = self._by_member(lambda member: member.explain(table))
        base = self._joined(each[:, :, -1])
        shares = each[:, :, :-1].mean(axis=1)
        return with_rest(shares, base, self.score(table).astype(np.float64)).astype(np.float32)

    def save(self) -> Mapping[str, bytes]:
        told = torch.frombuffer(
            bytearray(TypeAdapter(Target).dump_json(self._target)), dtype=torch.uint8
        )
        return to_files({_TARGET: told, **to_tensors(self._members)})

    def _by_member(self, read: Callable[[Scorer], Matrix]) -> Vector:
        """(n, members) or (n, members, …)."""
        return np.stack([read(member).astype(np.float64) for member in self._members], axis=1)

    def _joined(self, scores: Vector) -> Vector:
        """(n, members) → (n,)."""
        if self._target.kind == "value":
            return np.asarray(scores.mean(axis=1))
        return np.asarray(log_odds_of_mean(torch.from_numpy(scores)).numpy())


def ensemble_family(models: Families) -> Family:
    """The family of means of some models.

    Args:
        models: the families that members may be of.
    """

    def fit(config: EnsembleConfig, fit: Rows, stop: Rows, conditions: Conditions) -> Fitted:
        members, histories = list[Scorer](), list[History]()
        for bag in range(config.bags):
            rows = fit if config.bags == 1 else _drawn(fit, conditions.seed, bag)
            own = replace(conditions, seed=conditions.seed + bag * _SEEDS_APART)
            found, history = fit_members(models, config.members, rows, stop, own, len(members))
            members += found
            histories.append(history)
        ended = "; ".join(history.ended for history in histories)
        return Fitted(EnsembleScorer(members, fit.target), replace(histories[0], ended=ended))

    def load(config: EnsembleConfig, files: Mapping[str, bytes]) -> EnsembleScorer:
        with holding("ensemble"):
            tensors = tensors_of(files[WEIGHTS])
            target = TypeAdapter(Target).validate_json(tensors[_TARGET].numpy().tobytes())
            members = load_members(models, config.members * config.bags, tensors)
            return EnsembleScorer(members, target)

    return Family(fit, load)


def _drawn(fit: Rows, seed: int, bag: int) -> Rows:
    """As many rows as there are, drawn with replacement.

    Source: Breiman 1996, doi:10.1007/BF00058655 (bagging).
    """
    places = np.random.default_rng([seed, bag]).integers(0, len(fit.labels), len(fit.labels))
    places.sort()
    return replace(fit, table=fit.table[places], labels=fit.labels[places])
