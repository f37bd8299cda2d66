"""Proving on demand: the shipped families pass, a function that looks ahead is caught."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from flows.demo.services import demo_services
from flows.pipeline import load
from flows.proving import prove, proved_sentence
from flows.training import train
from tasks.core.store import table_uri
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop

MORE: list[dict[str, Any]] = [
    {"family": "risk", "entity": "StockCode", "windows": ["5d"], "smoothing": 5},
    {
        "family": "events",
        "table": "customers",
        "on": {"Country": "country"},
        "time": "registered_at",
        "key": "customer_id",
        "windows": ["5d"],
    },
    {"family": "own", "function": "mine:features", "within": "5d"},
    {
        "family": "sequence",
        "entity": "CustomerID",
        "steps": 2,
        "within": "5d",
        "values": ["Quantity"],
    },
    {"family": "components", "of": ["log_Quantity", "log_UnitPrice"]},
    {"family": "target_rate", "columns": "Country", "blocks": 2},
]
HONEST = """
import polars as pl


def features(rows):
    yield pl.col("UnitPrice").rank("dense").over("InvoiceNo", "InvoiceDate").alias("own_rank")
"""
AHEAD = HONEST.replace(
    'rank("dense").over("InvoiceNo", "InvoiceDate")', 'shift(-1).over("StockCode")'
)


def extend(shop: Shop, function: str) -> None:
    (shop.folder / "mine.py").write_text(function)
    config = yaml.safe_load(shop.file.read_text())
    config["features"] += [*MORE, {"family": "basket", "by": "InvoiceNo"}]
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))


def test_a_trained_pipeline_with_past_labels_and_functions_sees_no_future(shop: Shop) -> None:
    extend(shop, HONEST)
    file = str(shop.file)
    with demo_services(file):
        train.fn(file, TRAINED_BY)
        proved = prove(file, NIGHT, cut_offs=4)
    assert proved.proof.leaks == ()
    assert {"own_rank", "StockCode.risk_5d", "customers.count_5d"} <= {*proved.proof.features}
    page = shop.run().report
    assert proved.sentence in (shop.store.root / page).read_text()
    made = pl.read_parquet(
        shop.store.root / table_uri("features", "retail", "lines", str(NIGHT)),
        hive_partitioning=False,
    )
    assert set(proved.proof.features) <= set(made.columns)
    assert made["component_1"].std() > 0  # type: ignore[operator]
    assert made["Country.target_rate"].null_count() == 0
    assert made["StockCode.risk_5d"].max() > 0  # type: ignore[operator]
    assert made["customers.count_5d"].max() > 0  # type: ignore[operator]


def test_a_function_that_looks_ahead_is_caught_and_kept(shop: Shop) -> None:
    extend(shop, AHEAD)
    with demo_services(str(shop.file)):
        proved = prove(str(shop.file), NIGHT, cut_offs=5)
    assert [leak.feature for leak in proved.proof.leaks] == ["own_rank"]
    pipeline = load(str(shop.file))
    assert "own_rank" in proved_sentence(pipeline)
    (shop.folder / "mine.py").write_text(HONEST)
    assert "another configuration" in proved_sentence(load(str(shop.file)))


def test_the_command_leaves_with_code_2_where_a_feature_moves(shop: Shop) -> None:
    extend(shop, AHEAD)
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-c",
                "from flows.cli import main; main()",
                "prove-no-leak",
                str(shop.file),
                "--json",
            ),
            *("--date", str(NIGHT), "--cut-offs", "3"),
        ],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["proof"]["leaks"][0]["feature"] == "own_rank"
