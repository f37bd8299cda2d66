"""Models within a model: fitted one after the other, saved in one file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tasks.models.base import AT_ONCE, Conditions, Family, Fitted, History, Rows, Scorer
from tasks.models.stored import WEIGHTS, tensors_of

Families = Mapping[str, Family]
_SEEDS_APART = 104_729  # between those of twins: a checkpoint knows a training by its seed


def fit_members(
    models: Families,
    members: Sequence[Any],
    fit: Rows,
    stop: Rows,
    conditions: Conditions,
    first: int = 0,
) -> tuple[list[Scorer], History]:
    """Fit each member on the same rows, from its part of an earlier ensemble where there is one.

    Args:
        models: the families by kind.
        members: their configurations.
        fit: the rows to learn from.
        stop: the rows that decide when to stop.
        conditions: of each.
        first: number of the first of them among all members of the model.

    Returns:
        The scorers, and how their trainings went: the epochs of the first that has some, and how
        each ended.
    """
    fitted: list[Fitted] = [
        models[member.kind].fit(
            member, fit, stop, _of_member(conditions, first + place, members[:place].count(member))
        )
        for place, member in enumerate(members)
    ]
    learned = next((each.history for each in fitted if each.history.epochs), AT_ONCE)
    ends = (
        f"{member.kind}: {each.history.ended}" for member, each in zip(members, fitted, strict=True)
    )
    return [each.scorer for each in fitted], replace(learned, ended="; ".join(ends))


def load_members(
    models: Families, members: Sequence[Any], tensors: Mapping[str, Tensor]
) -> list[Scorer]:
    """Rebuild what `to_tensors` took apart."""
    return [
        models[member.kind].load(member, _files_of(tensors, number))
        for number, member in enumerate(members)
    ]


def to_tensors(members: Iterable[Scorer]) -> dict[str, Tensor]:
    """The files of each member as bytes, by its number and their suffix."""
    return {
        f"{number}/{suffix}": torch.frombuffer(bytearray(content), dtype=torch.uint8)
        for number, member in enumerate(members)
        for suffix, content in member.save().items()
    }


def _of_member(conditions: Conditions, number: int, twins: int) -> Conditions:
    """The conditions of one member; the twin of an earlier one learns by another seed."""
    conditions = replace(conditions, seed=conditions.seed + twins * _SEEDS_APART)
    if conditions.start is None:
        return conditions
    return replace(conditions, start=_files_of(tensors_of(conditions.start[WEIGHTS]), number))


def _files_of(tensors: Mapping[str, Tensor], number: int) -> dict[str, bytes]:
    """The files that one member saved."""
    parts = {name.partition("/"): value for name, value in tensors.items()}
    return {
        suffix: value.numpy().tobytes()
        for (head, slash, suffix), value in parts.items()
        if slash and head == str(number)
    }
