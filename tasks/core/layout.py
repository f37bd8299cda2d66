"""The layout of array-valued features, read from their names alone.

A table of features has one float32 column a number. A sequence or an image is a set of columns,
`<name>.<channel>@<place>`: the place is a step (`@-8` to `@-1`, the event itself `@0`) or a row
and a column (`@27,13`). So whatever selects or stores columns needs no further record, and a model
that reads sequences or images puts them together again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CELL = re.compile(r"(?P<name>.+)\.(?P<channel>[^.@]+)@(?P<place>-?\d+(?:,\d+)?)")

Place = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """One sequence or image among the columns of a table.

    Args:
        name: what the columns have in common.
        places: steps, or rows and columns, in order.
        channels: in the order of their first columns.
        columns: the column of each place and channel; a cell without one is missing.
    """

    name: str
    places: tuple[Place, ...]
    channels: tuple[str, ...]
    columns: Mapping[tuple[Place, str], str]

    @property
    def shape(self) -> tuple[int, ...]:
        """(steps, channels) of a sequence, (height, width, channels) of an image."""
        extents = (len({place[axis] for place in self.places}) for axis in range(self._axes))
        return (*extents, len(self.channels))

    @property
    def _axes(self) -> int:
        return len(self.places[0])


def layouts(names: Sequence[str]) -> tuple[Layout, ...]:
    """The sequences and images among columns, in the order of their first columns."""
    cells: dict[str, dict[tuple[Place, str], str]] = {}
    for name in names:
        match = _CELL.fullmatch(name)
        if match is not None:
            place = tuple(map(int, match["place"].split(",")))
            cells.setdefault(match["name"], {})[place, match["channel"]] = name
    return tuple(
        Layout(
            name,
            tuple(sorted({place for place, _ in columns})),
            tuple(dict.fromkeys(channel for _, channel in columns)),
            columns,
        )
        for name, columns in cells.items()
    )


def tensor(
    table: NDArray[np.float32], names: Sequence[str], layout: Layout
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Put the columns of one layout together.

    Args:
        table: (n_rows, n_features) float32, NaN where a value is missing.
        names: its columns.
        layout: one of `layouts(names)`.

    Returns:
        (n_rows, *layout.shape) float32, 0 where a value is missing, and the mask, of the same
        shape, that is true where there is one.
    """
    index = {name: position for position, name in enumerate(names)}
    cells = [layout.columns.get((p, c)) for p in layout.places for c in layout.channels]
    taken = np.full((len(table), len(cells)), np.nan, np.float32)
    there = [position for position, cell in enumerate(cells) if cell is not None]
    taken[:, there] = table[:, [index[str(cells[position])] for position in there]]
    mask = ~np.isnan(taken)
    shape = (len(table), *layout.shape)
    return np.where(mask, taken, np.float32(0)).reshape(shape), mask.reshape(shape)
