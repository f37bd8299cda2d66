"""Sequences: the rows or the steps of time before an event, one feature a step and channel.

The names are the layout (`tasks.core.layout`): `<name>.<channel>@<step>`, the steps from -K to -1,
the event itself 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from tasks.features.arithmetic import divide
from tasks.features.codes import Floats
from tasks.features.history import named
from tasks.features.past import Values
from tasks.features.past_config import SequenceFamily, SeriesFamily
from tasks.features.row_config import PixelsFamily
from tasks.features.statistics import measure
from tasks.features.timeline import Timeline

_MICROSECONDS_AN_HOUR = 3.6e9


def sequence(family: SequenceFamily, timeline: Timeline) -> pl.DataFrame:
    """The last rows of the entity, the oldest first; missing where it has fewer."""
    before = timeline.past(family.entity)
    (window,) = before.windows((family.within,))
    channels = {name: timeline.values(sql) for name, sql in family.values.items()}
    wanted = timeline.wanted.to_numpy()
    at = (timeline.rows[timeline.time].cast(pl.Datetime("us")).cast(pl.Int64)).to_numpy()
    # Of an epoch, not of the first row: a gap may not depend on which rows there are, by rounding.
    instants = at.astype(np.float64)
    now = before.align(instants[wanted])

    def steps() -> Iterator[tuple[str, Floats]]:
        for back in range(family.steps, 0, -1):
            for name, values in channels.items():
                yield f"{name}@{-back}", before.step(values, window, back)
            if family.gaps:
                next_at = before.step(instants, window, back - 1) if back > 1 else now
                gap = next_at - before.step(instants, window, back)
                yield f"gap_hours@{-back}", gap / _MICROSECONDS_AN_HOUR
        if family.current:
            for name, values in channels.items():
                yield f"{name}@0", before.align(values[wanted])
            if family.gaps:
                yield "gap_hours@0", np.zeros(int(wanted.sum()))
        yield "length", np.minimum(window.count, family.steps)

    prefix = _prefix(family.entity, family.name)
    return named(before, ((f"{prefix}.{name}", values) for name, values in steps()))


def series(family: SeriesFamily, timeline: Timeline) -> pl.DataFrame:
    """One statistic of each step of time, the oldest first; missing where a step has no rows."""
    before = timeline.past(family.entity)
    windows = before.steps(family.every, family.steps)
    taken = {
        name: measure(family.statistic, before, Values(name, timeline.values(sql)), windows)
        for name, sql in family.values.items()
    }
    if family.statistic == "sum":
        rows = [divide(window.count, window.count) for window in windows]
        taken = {
            name: [total * one for total, one in zip(totals, rows, strict=True)]
            for name, totals in taken.items()
        }
    if family.counts:
        taken["rows"] = [window.count for window in windows]
    prefix = _prefix(family.entity, family.name)
    return named(
        before,
        (
            (f"{prefix}.{name}@{window.name}", steps[number])
            for number, window in enumerate(windows)
            for name, steps in taken.items()
        ),
    )


def pixels(family: PixelsFamily) -> Iterator[pl.Expr]:
    """Each pixel by its row and column, scaled; missing where the image is not of that size."""
    image = pl.col(family.column).map_batches(_in_one_row, return_dtype=pl.List(pl.Float32))
    depth = len(family.channels)
    whole = pl.when(image.list.len() == family.height * family.width * depth).then(image)
    for row in range(family.height):
        for column in range(family.width):
            for place, channel in enumerate(family.channels):
                index = (row * family.width + column) * depth + place
                pixel = whole.list.get(index, null_on_oob=True) / family.largest
                yield pixel.alias(f"{family.column}.{channel}@{row},{column}")


def _in_one_row(images: pl.Series) -> pl.Series:
    """Each image's pixels one after the other, be it rows of pixels or one row."""
    if isinstance(images.dtype, pl.Array):
        images = images.arr.to_list()
    while isinstance(images.dtype, pl.List) and isinstance(images.dtype.inner, pl.List | pl.Array):
        images = images.list.eval(pl.element().explode())
    return images.cast(pl.List(pl.Float32))


def _prefix(entity: tuple[str, ...], name: str) -> str:
    return "+".join(entity) + "." + name if entity else name
