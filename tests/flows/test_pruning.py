"""Old dates go, and nothing that nights, models or the next training need."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import threading
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from flows.cli import cli
from flows.demo.services import demo_services
from flows.lineage import trace
from flows.monitoring import monitor
from flows.pipeline import load
from flows.training import train
from tasks.core import lease
from tasks.core.commit import PRUNING, committed_batches, open_run
from tasks.core.errors import BusyError, ConfigError
from tests.flows.conftest import NIGHT, Shop

NEXT = NIGHT + dt.timedelta(days=1)


@pytest.fixture(scope="module")
def nights(trained_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after a night of long ago and one of late."""
    folder = tmp_path_factory.mktemp("nights") / "demo"
    shutil.copytree(trained_shop.folder, folder)
    shop = Shop(folder)
    shop.run(dt.date(2010, 2, 3))
    shop.run(NIGHT)
    with demo_services(str(shop.file)):
        monitor.fn(str(shop.file), NIGHT)
    return shop


@pytest.fixture
def shop(nights: Shop, tmp_path: Path) -> Shop:
    shutil.copytree(nights.folder, tmp_path / "demo")
    return Shop(tmp_path / "demo")


def prune(shop: Shop, *arguments: str) -> dict[str, object]:
    result = CliRunner().invoke(cli, ["prune", str(shop.file), *arguments, "--json"])
    if result.exception:
        raise result.exception
    told: dict[str, object] = json.loads(result.output)
    return told


def size(shop: Shop) -> int:
    layers = (p for p in shop.store.root.iterdir() if p.name not in ("commits", "leases"))
    files = (p for layer in layers for p in layer.rglob("*") if p.is_file())
    return sum(path.stat().st_size for path in files)


def test_what_would_go_is_said_and_then_goes(shop: Shop, nights: Shop) -> None:
    before, whole = shop.tables(), size(shop)
    said = prune(shop, "--keep", "5d")
    assert shop.tables() == before, "nothing goes without --yes"
    assert said["done"] is False
    done = prune(shop, "--keep", "5d", "--yes")
    assert done == said | {"done": True}
    index = "reports/retail/index.html"
    freed = whole - size(shop) - len(before[index]) + len(shop.tables()[index])
    assert freed == done["bytes"] > 0
    assert prune(shop, "--keep", "5d")["files"] == 0

    left = shop.tables()
    assert {uri: left[uri] for uri in left if uri != index} == {
        uri: content
        for uri, content in before.items()
        if uri != index and "2010-02-03/night" not in uri and "2010-02-03/" not in uri
    }
    assert "2010-02-03" in before[index].decode()
    assert "2010-02-03" not in left[index].decode()
    for record in committed_batches(shop.store, "retail"):
        for ref in record.files:
            shop.store.verify(ref)
    for file in [*shop.store.root.glob(f"reports/retail/*/batch_date={NIGHT}/night.parquet")]:
        assert {each["found"] for each in trace(file)["inputs"]} == {"as it was"}, file
    (model,) = shop.store.root.glob("models/retail/*/model.json")
    assert {each["found"] for each in trace(model)["inputs"]} == {"as it was"}


def test_the_next_night_and_training_are_what_they_would_have_been(
    shop: Shop, nights: Shop, tmp_path: Path
) -> None:
    shutil.copytree(nights.folder, tmp_path / "whole")
    whole = Shop(tmp_path / "whole")
    prune(shop, "--keep", "1d", "--yes")
    shutil.rmtree(shop.folder / "drops")  # nothing that went is read from the sources again
    drop = f"drops/{NEXT}"
    shutil.copytree(nights.folder / drop, shop.folder / drop)
    for one in (shop, whole):
        one.run(NEXT)
    later = {uri: content for uri, content in whole.tables().items() if str(NEXT) in uri}
    assert later
    assert {uri: content for uri, content in shop.tables().items() if str(NEXT) in uri} == later


def test_a_retention_block_does_it_every_night(shop: Shop) -> None:
    config = yaml.safe_load(shop.file.read_text())
    assert shop.store.path("reports/retail/scores/batch_date=2010-02-03").is_dir()
    digest = load(str(shop.file)).digest
    kept = config | {"retention": {"keep": "5d"}}
    shop.file.write_text(yaml.safe_dump(kept, sort_keys=False))
    assert load(str(shop.file)).digest == digest, "what is kept decides nothing of an outcome"
    shop.run(NEXT)
    assert not shop.store.path("reports/retail/scores/batch_date=2010-02-03").exists()
    assert prune(shop)["files"] == 0


def test_a_training_after_a_pruning_finds_its_window(
    shop: Shop, nights: Shop, tmp_path: Path
) -> None:
    shutil.copytree(nights.folder, tmp_path / "whole")
    with demo_services(str(tmp_path / "whole" / "retail.yaml")):
        gaps = train.fn(str(tmp_path / "whole" / "retail.yaml"), NIGHT).gaps
    prune(shop, "--keep", "1d", "--yes")
    shutil.rmtree(shop.folder / "drops")
    before = {uri for uri in shop.tables("models") if uri.endswith("model.json")}
    with demo_services(str(shop.file)):
        trained = train.fn(str(shop.file), NIGHT)
    assert trained.gaps == gaps
    after = {uri for uri in shop.tables("models") if uri.endswith("model.json")}
    assert len(after - before) == 1


def test_nothing_is_pruned_while_a_run_is_going(shop: Shop) -> None:
    before = shop.tables()
    with (
        open_run(shop.store, "retail", str(NEXT), "a night"),
        pytest.raises(BusyError, match=str(NEXT)),
    ):
        prune(shop, "--keep", "5d", "--yes")
    assert shop.tables() == before


def test_a_run_that_starts_meanwhile_waits(shop: Shop) -> None:
    entered = threading.Event()

    def night() -> None:
        with open_run(shop.store, "retail", str(NEXT), "a night"):
            entered.set()

    waiting = threading.Thread(target=night)
    lock = shop.store.path(f"leases/retail/{PRUNING}.lock")
    with lease.hold(lock, "pruner"):
        waiting.start()
        assert not entered.wait(0.5)
        with open_run(shop.store, "retail", "2010-02-03", "pruner"):
            pass  # the pruner's own runs go on
    waiting.join(10)
    assert entered.is_set()


def test_a_span_is_asked_for_where_none_is_configured(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="retention"):
        prune(shop)


@pytest.mark.parametrize("span", ["90", "d", "0d", "-1d", "3h", "x"])
def test_other_spans_are_refused(shop: Shop, span: str) -> None:
    result = CliRunner().invoke(cli, ["prune", str(shop.file), "--keep", span])
    assert result.exit_code == 2
    assert "90d" in result.output
