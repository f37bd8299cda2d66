"""Sequences, series and images: the values, and the layout that their names are."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from tasks.core.event import EventConfig
from tasks.core.layout import layouts, tensor
from tasks.features.row_config import PixelsFamily
from tasks.features.sequence import pixels
from tests.unit.features.reference import DAY, Row, assert_equal, every, expected, features

SEQUENCE: Row = {
    "family": "sequence",
    "entity": "customer",
    "steps": 3,
    "within": "10d",
    "values": {"price": "price", "many": "quantity > 20"},
}


@pytest.mark.parametrize("back", [1, 2, 3])
def test_a_sequence_has_the_last_rows_of_the_entity(
    lines: pl.DataFrame, event: EventConfig, back: int
) -> None:
    found = features(lines, event, [SEQUENCE])

    def price(now: Row, past: list[Row]) -> float | None:
        value: float | None = past[-back]["price"] if len(past) >= back else None
        return value

    def gap(now: Row, past: list[Row]) -> float | None:
        if len(past) < back:
            return None
        following = past[-back + 1] if back > 1 else now
        return float((following["at"] - past[-back]["at"]).total_seconds() / 3600)

    for channel, measure in {"price": price, "gap_hours": gap}.items():
        reference = expected(lines, ["customer"], 10 * DAY, every, measure)
        assert_equal(found[f"customer.sequence.{channel}@-{back}"], reference)
    lengths = expected(lines, ["customer"], 10 * DAY, every, lambda now, past: min(len(past), 3))
    assert_equal(found["customer.sequence.length"], lengths)


def test_the_names_of_a_sequence_are_its_layout(lines: pl.DataFrame, event: EventConfig) -> None:
    found = features(lines, event, [{"family": "columns", "columns": "price"}, SEQUENCE])
    (layout,) = layouts(found.columns)
    assert layout.name == "customer.sequence"
    assert layout.channels == ("price", "many", "gap_hours")
    assert layout.places == ((-3,), (-2,), (-1,), (0,))
    matrix = found.fill_null(np.nan).to_numpy()
    values, mask = tensor(matrix, found.columns, layout)
    assert values.shape == mask.shape == (found.height, 4, 3)
    price = found["customer.sequence.price@-1"]
    assert np.array_equal(mask[:, 2, 0], price.is_not_null().to_numpy())
    assert np.array_equal(values[:, 2, 0], price.fill_null(0).to_numpy())


def test_a_cell_that_was_not_selected_is_masked() -> None:
    names = ["a.x@-2", "a.x@-1", "a.y@-1"]
    (layout,) = layouts(names)
    values, mask = tensor(np.ones((1, 3), np.float32), names, layout)
    assert mask.tolist() == [[[True, False], [True, True]]]
    assert values.tolist() == [[[1, 0], [1, 1]]]


@pytest.mark.parametrize("statistic", ["mean", "sum", "max"])
def test_a_series_has_a_statistic_of_each_step(
    lines: pl.DataFrame, event: EventConfig, statistic: str
) -> None:
    family = {
        "family": "series",
        "steps": 4,
        "every": "6h",
        "values": ["quantity"],
        "statistic": statistic,
        "counts": True,
    }
    found = features(lines, event, [family])
    take = {"mean": lambda v: sum(v) / len(v), "sum": sum, "max": max}[statistic]
    for back in range(1, 5):
        reference = expected(
            lines,
            [],
            DAY / 4,
            every,
            lambda now, past: take([row["quantity"] for row in past]) if past else None,
            delay=(back - 1) * DAY / 4,
        )
        assert_equal(found[f"series.quantity@-{back}"], reference)
    assert found["series.rows@-1"].null_count() == 0


def test_pixels_are_scaled_and_an_image_of_another_size_is_missing() -> None:
    images = [[0, 51, 102, 153, 204, 255], [0, 1], None]
    rows = pl.DataFrame({"id": [1, 2, 3], "image": images})
    family = {"family": "pixels", "column": "image", "height": 2, "width": 3}
    found = features(rows, EventConfig(table="t", key=("id",)), [family])
    assert found["image.grey@1,0"].to_list() == pytest.approx([0.6, None, None])
    (layout,) = layouts(found.columns)
    assert layout.shape == (2, 3, 1)
    values, mask = tensor(found.fill_null(np.nan).to_numpy(), found.columns, layout)
    assert values[0, :, :, 0].tolist() == pytest.approx(np.arange(6).reshape(2, 3) / 5)
    assert not mask[1:].any()


def test_colours_lie_innermost() -> None:
    rows = pl.DataFrame(
        {"id": [1], "image": pl.Series([[1, 2, 3, 4]], dtype=pl.Array(pl.UInt8, 4))}
    )
    family = {
        "family": "pixels",
        "column": "image",
        "height": 1,
        "width": 2,
        "channels": ["red", "blue"],
        "largest": 4,
    }
    found = features(rows, EventConfig(table="t", key=("id",)), [family])
    assert found.to_dicts() == [
        {
            "image.red@0,0": 0.25,
            "image.blue@0,0": 0.5,
            "image.red@0,1": 0.75,
            "image.blue@0,1": 1.0,
        }
    ]


def test_the_gap_of_the_first_row_is_missing(event: EventConfig) -> None:
    rows = pl.DataFrame(
        {
            "at": [dt.datetime(2010, 1, 1)],
            "invoice": ["a"],
            "line": [1],
            "quantity": [1],
            "customer": [1],
            "price": [2.0],
        }
    )
    found = features(rows, event, [SEQUENCE])
    assert found["customer.sequence.gap_hours@-1"].to_list() == [None]
    assert found["customer.sequence.price@0"].to_list() == [2]


@pytest.mark.parametrize(
    "dtype",
    [pl.Array(pl.UInt8, (2, 3)), pl.List(pl.List(pl.UInt8)), pl.List(pl.Array(pl.UInt8, 3))],
)
def test_pixels_lie_row_by_row_whatever_holds_them(dtype: pl.DataType) -> None:
    images = pl.Series("image", [[[0, 51, 102], [153, 204, 255]], None], dtype=dtype)
    family = PixelsFamily(column="image", height=2, width=3)
    made = images.to_frame().select(list(pixels(family)))
    assert made.row(0) == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1))
    assert made.row(1) == (None,) * 6
