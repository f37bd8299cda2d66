"""Arrays pass the gate, and go into quarantine and come back as what they were."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from tasks.core.artifacts import Landed
from tasks.core.commit import open_run
from tasks.core.store import Store, table_uri
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.retype import retype
from tasks.validate.task import validate

SUITE = """
expectations:
  - {type: expect_table_row_count_to_be_between, min_value: 1}
  - {type: expect_column_values_to_not_be_null, column: image}
  - type: expect_column_values_to_be_between
    column: label
    max_value: 3
    on_failure: quarantine
    reason: no such digit
"""


def test_images_pass_the_gate_and_the_quarantine(store: Store) -> None:
    images = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)
    columns = {"image": images, "label": np.array([1, 9, 3, 0], dtype=np.uint8)}
    rows = pl.DataFrame(columns).with_columns(
        _source=pl.lit("a-images"), _line=pl.int_range(1, 5, dtype=pl.Int64)
    )
    with open_run(store, "digits", "2010-01-04", "attempt") as run:
        table = run.write_table(Landed, rows, table_uri("landed", "digits", "images", run.batch))
        done = validate(
            run,
            ValidationConfig(max_quarantined_share=0.5),
            {"images": SuiteSource("digits/images.yaml", SUITE)},
            {"images": table},
        )
        valid = run.scan(done.tables["images"]).collect()
        held = run.scan(done.quarantine[0]).collect()
    assert valid.schema["image"] == pl.Array(pl.UInt8, (2, 3))
    assert np.array_equal(valid["image"].to_numpy(), images[[0, 2, 3]])
    raw = held["raw"].item()
    assert json.loads(raw)["image"] == images[1].tolist()
    schema = {name: rows.schema[name] for name in ("image", "label")}
    assert np.array_equal(retype([raw], schema)["image"].to_numpy(), images[[1]])
