"""What `lamplighter show` prints of a table."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from flows import commands
from flows.demo.layout import lay_out_retail
from flows.pipeline import SHIPPED, load


@pytest.mark.parametrize("as_json", [True, False])
def test_bytes_are_shown(as_json: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lay_out_retail(tmp_path, SHIPPED / "retail.yaml")
    name = str(tmp_path / "retail.yaml")
    folder = load(name).store.root / "reports/retail/tokens/batch_date=2010-01-04"
    folder.mkdir(parents=True)
    pl.DataFrame({"n": [1, 2], "token": [b"\x00\xff", None]}).write_parquet(
        folder / "night.parquet"
    )
    commands.show("tokens", name, None, 20, as_json)
    out = capsys.readouterr().out
    if as_json:
        rows = [json.loads(line) for line in out.splitlines()]
        assert rows == [{"n": 1, "token": "AP8="}, {"n": 2, "token": None}]
    else:
        assert "2 rows in" in out
