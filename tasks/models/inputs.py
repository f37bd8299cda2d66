"""What a network is built for: columns, where sequences and images lie among them, outputs."""

from __future__ import annotations

from dataclasses import dataclass

from tasks.core.errors import ModelError
from tasks.core.layout import Layout, layouts
from tasks.models.base import Rows, Target


@dataclass(frozen=True, slots=True)
class Inputs:
    """The matrix a network reads and the numbers it gives.

    Args:
        features: columns of the matrix.
        names: their names; empty where nobody said them.
        target: what the outputs stand for.
    """

    features: int
    names: tuple[str, ...]
    target: Target

    @classmethod
    def of(cls, rows: Rows) -> Inputs:
        """What rows to fit on say."""
        return cls(rows.table.shape[1], rows.names, rows.target)

    def sequences(self) -> tuple[Layout, ...]:
        """The sequences among the columns.

        Raises:
            ModelError: there are none.
        """
        return self._laid_out(1, "a sequence: columns named <name>.<channel>@<step>", "sequence")

    def images(self) -> tuple[Layout, ...]:
        """The images among the columns.

        Raises:
            ModelError: there are none.
        """
        return self._laid_out(
            2, "an image: columns named <name>.<channel>@<row>,<column>", "pixels"
        )

    def _laid_out(self, axes: int, required: str, family: str) -> tuple[Layout, ...]:
        found = tuple(each for each in layouts(self.names) if len(each.places[0]) == axes)
        if not found:
            some = ", ".join(self.names[:5]) or "columns without names"
            raise ModelError(
                required,
                found=f"none among {self.features} features: {some}",
                where="the selected features",
                do=f"Add the family `{family}` to the features (and keep its columns in the "
                "selection: `selection.keep`), or choose a model.kind for flat features: tabm.",
            )
        return found

    def places(self, layout: Layout) -> list[int]:
        """The column of each cell, place by place and channel by channel.

        Raises:
            ModelError: a cell has no column; selection may have left it out.
        """
        index = {name: position for position, name in enumerate(self.names)}
        cells = [(place, channel) for place in layout.places for channel in layout.channels]
        whole = len(cells) == len(layout.columns) and len(layout.places) == _extent(layout)
        if not whole:
            raise ModelError(
                f"a column for each place and channel of {layout.name}",
                found=f"{len(layout.columns)} columns for {layout.shape}",
                where="the selected features",
                do=f"Keep all of it: selection: {{keep: ['{layout.name}.*']}}.",
            )
        return [index[layout.columns[cell]] for cell in cells]

    def flat(self, read: tuple[Layout, ...]) -> list[int]:
        """The columns that belong to none of some layouts."""
        taken = {name for layout in read for name in layout.columns.values()}
        return [j for j in range(self.features) if not self.names or self.names[j] not in taken]

    def groups(self) -> tuple[int, ...]:
        """A number for each column; the columns of one channel of a layout have the same."""
        owner = {
            name: (layout.name, channel)
            for layout in layouts(self.names)
            for (_, channel), name in layout.columns.items()
        }
        numbers: dict[object, int] = {}
        keys = [owner.get(name, j) for j, name in enumerate(self.names)] or range(self.features)
        return tuple(numbers.setdefault(key, len(numbers)) for key in keys)


def _extent(layout: Layout) -> int:
    """Places of a layout without holes."""
    count = 1
    for size in layout.shape[:-1]:
        count *= size
    return count
