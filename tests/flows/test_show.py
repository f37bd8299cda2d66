"""What `lamplighter show` prints of a table."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from flows import published
from flows.demo.layout import lay_out_retail
from flows.pipeline import SHIPPED, load
from tasks.core.artifacts import Report
from tasks.core.commit import commit, open_run


@pytest.mark.parametrize("as_json", [True, False])
def test_bytes_are_shown(as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out_retail(tmp_path, SHIPPED / "retail.yaml")
    name = str(tmp_path / "retail.yaml")
    frame = pl.DataFrame({"n": [1, 2], "token": [b"\x00\xff", None]})
    with open_run(load(name).store, "retail", "2010-01-04", "1") as run:
        run.write_table(Report, frame, "reports/retail/tokens/batch_date=2010-01-04/night.parquet")
        commit(run, {})
    published.show("tokens", name, None, 20, as_json)
    out = capsys.readouterr().out
    if as_json:
        rows = [json.loads(line) for line in out.splitlines()]
        assert rows == [{"n": 1, "token": "AP8="}, {"n": 2, "token": None}]
    else:
        assert "2 rows in" in out
