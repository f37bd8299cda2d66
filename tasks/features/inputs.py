"""What the features of a range of dates are computed from, by reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tasks.core.artifacts import Labels, Prepared, Ref, Valid
from tasks.features.cover import Covered
from tasks.features.tally import Tally


@dataclass(frozen=True, slots=True)
class Inputs:
    """Tables and functions that the families read.

    Args:
        prepared: the prepared tables, the events' and those of their history, the newest last.
        others: the parts of every other table, by its name, the newest last: one of a dimension,
            one a batch date of a second event table.
        labels: the labels of past events; None where no family asks.
        tallies: what stands for rows of dates that are not among the prepared tables, or not for
            every family: by the digest of the family, and by what is tallied.
        folder: where the pipeline file lies, and functions of its own.
    """

    prepared: tuple[Ref[Prepared], ...]
    others: Mapping[str, tuple[Ref[Valid], ...]] = field(default_factory=dict)
    labels: Ref[Labels] | None = None
    folder: Path = Path()
    tallies: Mapping[str, Mapping[Tally, Covered]] = field(default_factory=dict)
