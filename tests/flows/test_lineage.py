"""Every published table, the model and an export lead to the files their rows were read from."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from flows import exporting, published
from flows.demo.services import demo_services
from flows.lineage import trace
from flows.monitoring import monitor
from tasks.core.errors import ConfigError, IntegrityError
from tasks.report.contract import TABLES
from tests.flows.conftest import NIGHT, Shop

DROPS = f"drops/{NIGHT}/lines.csv"


@pytest.fixture(scope="module")
def night(trained_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after one night; nothing here changes it."""
    folder = tmp_path_factory.mktemp("night") / "demo"
    shutil.copytree(trained_shop.folder, folder)
    shop = Shop(folder)
    shop.run(NIGHT - dt.timedelta(days=2))
    shop.run()
    with demo_services(str(shop.file)):
        monitor.fn(str(shop.file), NIGHT)
    return shop


def table(shop: Shop, name: str) -> Path:
    return shop.store.root / f"reports/retail/{name}/batch_date={NIGHT}/night.parquet"


def written(shop: Shop) -> list[str]:
    return sorted({p.parts[-3] for p in (shop.store.root / "reports").rglob("night.parquet")})


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_shown_and_leads_to_its_sources(night: Shop, name, capsys) -> None:
    if name not in written(night):
        pytest.skip("a night does not write it")
    published.show(name, str(night.file), NIGHT, 3, True)
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    frame = pl.read_parquet(table(night, name), hive_partitioning=False)
    assert [list(row) for row in shown] == [frame.columns] * min(3, frame.height)
    found = trace(table(night, name))
    assert found["table"] == name
    assert found["model"]["found"]
    inputs = [
        *found["inputs"],
        *(one for each in found["inputs"] for one in each.get("made_from", ())),
    ]
    states = {each["found"] for each in inputs}
    files = {source["_source"] for each in inputs for source in each["sources"]}
    assert states == {"as it was"}
    assert DROPS in files


def test_a_model_leads_to_the_nights_it_was_trained_on(night: Shop) -> None:
    version = trace(table(night, "scores"))["model_version"]
    manifest = night.store.root / f"models/retail/{version}/model.json"
    found = trace(manifest)
    assert found["model_version"] == version
    assert found["features"] > 0
    assert all(each["found"] == "as it was" and each["sources"] for each in found["inputs"])
    assert any(each["uri"].startswith("valid/retail/lines") for each in found["inputs"])


def test_a_changed_manifest_is_refused(night: Shop, tmp_path) -> None:
    version = trace(table(night, "scores"))["model_version"]
    content = (night.store.root / f"models/retail/{version}/model.json").read_bytes()
    other = tmp_path / version / "model.json"
    other.parent.mkdir()
    other.write_bytes(content.replace(b'"seed":0', b'"seed":1'))
    with pytest.raises(IntegrityError, match=version):
        trace(other)


def test_an_export_names_its_table_and_says_whether_it_was_changed(night: Shop, tmp_path) -> None:
    file = tmp_path / "alerts.csv"
    exporting.run("alerts", str(night.file), NIGHT, file, False)
    first = file.read_bytes()
    found = trace(file)
    assert (found["unchanged"], found["found"], found["table"]) == (True, "as it was", "alerts")
    assert found["exported_from"] == str(table(night, "alerts"))
    assert found["inputs"] == trace(table(night, "alerts"))["inputs"]
    assert found["rows"] == pl.read_parquet(table(night, "alerts")).height
    exporting.run("alerts", str(night.file), NIGHT, file, False)
    assert file.read_bytes() == first
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "alerts.csv",
        "alerts.csv.origin.json",
    ]
    file.write_bytes(first + b"\n")
    assert not trace(file)["unchanged"]


def test_a_damaged_table_is_not_exported(night: Shop, tmp_path) -> None:
    copy = tmp_path / "demo"
    shutil.copytree(night.folder, copy)
    shop = Shop(copy)
    content = table(shop, "ledger").read_bytes()
    table(shop, "ledger").write_bytes(content[:-1])
    with pytest.raises(IntegrityError):
        exporting.run("ledger", str(shop.file), NIGHT, tmp_path / "ledger.csv", False)
    assert not list(tmp_path.glob("*ledger.csv*"))


def test_an_input_that_changed_or_went_is_told(night: Shop, tmp_path) -> None:
    copy = tmp_path / "demo"
    shutil.copytree(night.folder, copy)
    shop = Shop(copy)
    inputs = trace(table(shop, "scores"))["inputs"]
    gone, changed = inputs[0]["uri"], inputs[1]["uri"]
    (shop.store.root / gone).unlink()
    pl.read_parquet(shop.store.root / changed).head(1).write_parquet(shop.store.root / changed)
    states = {each["uri"]: each["found"] for each in trace(table(shop, "scores"))["inputs"]}
    assert (states[gone], states[changed]) == ("not here", "changed since")


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.json", "a.txt"])
def test_other_files_are_refused(tmp_path, name) -> None:
    file = tmp_path / name
    file.write_text("{}")
    with pytest.raises(ConfigError, match="required"):
        trace(file)
