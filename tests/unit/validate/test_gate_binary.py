"""Bytes pass the gate, go into quarantine, short or long, and come back as what they were."""

from __future__ import annotations

import json

import polars as pl

from tasks.core.artifacts import Landed
from tasks.core.binary import MAX_SHOWN_BYTES
from tasks.core.commit import open_run
from tasks.core.results import Ingested, LedgerLine
from tasks.core.store import Store, table_uri
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.mends import Mended, read_mends
from tasks.validate.task import mend, validate

SUITE = """
expectations:
  - {type: expect_column_values_to_not_be_null, column: token}
  - {type: expect_column_values_to_be_unique, column: token}
  - type: expect_column_values_to_be_between
    column: price
    min_value: 0
    on_failure: quarantine
    reason: negative price
"""
LONG = b"\xff" * (MAX_SHOWN_BYTES + 1)
TOKENS = [b"a", b"\x00\xff", LONG, b""]


def test_bytes_pass_the_gate_and_the_quarantine_and_its_mends(store: Store) -> None:
    columns = {"token": TOKENS, "price": [1.5, -2.5, -0.1, 4.0]}
    rows = pl.DataFrame(columns).with_columns(
        _source=pl.lit("a"), _line=pl.int_range(1, 5, dtype=pl.Int64)
    )
    config, suites = (
        ValidationConfig(max_quarantined_share=1),
        {"t": SuiteSource("t.yaml", SUITE)},
    )
    with open_run(store, "shop", "2010-01-04", "attempt") as run:
        table = run.write_table(Landed, rows, table_uri("landed", "shop", "t", run.batch))
        done = validate(run, config, suites, {"t": table})
        held = run.scan(done.quarantine[0]).collect()
        assert run.scan(done.tables["t"]).collect()["token"].to_list() == [b"a", b""]
        raws = [json.loads(raw) for raw in held["raw"]]
        assert raws[0]["token"] == "base64:AP8="
        assert raws[1]["token"].startswith("sha256:")
        assert max(map(len, held["raw"])) < 200
        raws[0] |= {"price": 2.5, "token": "hex:0001"}
        raws[1] |= {"price": 0.1}
        lines = [
            json.dumps({**row, "raw": raw}) for row, raw in zip(held.to_dicts(), raws, strict=True)
        ]
        uri = "mends/shop/rows/batch_date=2010-01-04/part-0.parquet"
        mends = run.write_table(Mended, read_mends("\n".join(lines), held, "rows"), uri)
        ingested = Ingested(table, None, LedgerLine("ingest", "t", 4, 4, 0))
        mended = run.scan(mend(run, "t", ingested, mends).table).collect()
    assert mended["token"].to_list() == [b"a", b"\x00\x01", LONG, b""]
    assert mended["price"].to_list() == [1.5, 2.5, 0.1, 4.0]
