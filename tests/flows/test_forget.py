"""A person is forgotten in every layer; the others keep all, and the store stays whole."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from flows import arrivals, forgetting
from flows.cli import cli
from flows.demo.layout import lay_out_retail
from flows.demo.services import demo_services
from flows.pipeline import SHIPPED, environment, load
from flows.training import train
from tasks.core.commit import committed_batches, last_commit
from tasks.core.errors import ConfigError
from tasks.core.ledger import check_balance
from tasks.core.results import LedgerLine
from tasks.ingest.masking import Mask, mask_of
from tests.flows.canaries import found_in
from tests.flows.conftest import LAST, NIGHT, TRAINED_BY, Shop, _shrink

KEY = {"PERSONAL_KEY": "4f7d2ac0" * 8}
KILLS = 4
ROOT = Path(__file__).parents[2]
SUITES = ROOT / "expectations" / "suites"
PERSONAL = "${PERSONAL_KEY}"
NEXT = NIGHT + dt.timedelta(days=1)


def _email(customer: object) -> str:
    return f"canary-{customer}@example.com"


def _make_personal(folder: Path) -> None:
    """Give each line and each customer an address; read customers by watermark."""
    config = yaml.safe_load((folder / "retail.yaml").read_text())
    lines, customers = config["sources"]["lines"], config["sources"]["customers"]
    lines["schema"]["Email"] = "str"
    lines["personal"] = {"columns": ["Email"], "key": PERSONAL}
    customers["schema"] = {"email": "str", "country": "str", "registered_at": "datetime"}
    customers["personal"] = {"columns": ["email"], "key": PERSONAL}
    customers["query"] = (
        "select 'canary-' || customer_id || '@example.com' as email, country, registered_at "
        "from customers where (:watermark is null or registered_at > :watermark) "
        "and registered_at < :until order by customer_id"
    )
    customers |= {"key": ["email"], "watermark": "registered_at"}
    del config["expectations"]["customers"]
    config["event"]["entities"] = ["Email"]
    config["features"].append(
        {"family": "history", "entity": "Email", "windows": ["90d"], "state": True}
    )
    config["features"].append(
        {
            "family": "lookup",
            "table": "customers",
            "on": {"Email": "email"},
            "known_from": "registered_at",
            "age": True,
        }
    )
    (folder / "retail.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    suite = yaml.safe_load((SUITES / "retail" / "lines.yaml").read_text())
    unfit = ("table_columns", "exist_in_table")
    suite["expectations"] = [
        one for one in suite["expectations"] if not any(name in one["type"] for name in unfit)
    ]
    (folder / "retail").mkdir()
    (folder / "retail" / "lines.yaml").write_text(yaml.safe_dump(suite, sort_keys=False))
    for drop in folder.glob("drops/*/lines.csv"):
        rows = pl.read_csv(drop, infer_schema=False)
        email = "canary-" + pl.col("CustomerID") + "@example.com"
        rows.with_columns(email.alias("Email")).write_csv(drop)


@pytest.fixture(scope="module")
def personal_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop that was trained and ran two nights, with a held line of a person in each."""
    folder = tmp_path_factory.mktemp("personal") / "demo"
    for day in lay_out_retail(folder, SHIPPED / "retail.yaml"):
        if not dt.date(2010, 1, 20) <= day <= LAST:
            shutil.rmtree(folder / "drops" / str(day))
    _shrink(folder / "retail.yaml")
    _make_personal(folder)
    shop = Shop(folder)
    with environment(KEY):
        with demo_services(str(shop.file)):
            train.fn(str(shop.file), TRAINED_BY)
        for day in (NIGHT, NEXT):
            with shop.drop(day).open("a") as drop:
                held = (
                    f"{'x' * 6},1,1,text,none,{day} 12:00:00,1.0,1,France,{_email(_chosen(shop))}"
                )
                drop.write(held + "\n")
            shop.run(day)
        yield shop


@pytest.fixture
def shop(personal_shop: Shop, tmp_path: Path) -> Shop:
    folder = tmp_path / "demo"
    shutil.copytree(personal_shop.folder, folder)
    return Shop(folder)


def _chosen(shop: Shop) -> str:
    """A customer whose lines were scored and trained on."""
    before = pl.read_csv(shop.drop(dt.date(2010, 2, 2)), infer_schema=False)
    night = pl.read_csv(shop.drop(NIGHT), infer_schema=False).filter(pl.col("Quantity") > "0")
    both = set(before["CustomerID"].drop_nulls()) & set(night["CustomerID"].drop_nulls())
    return sorted(both)[0]


def _mask(shop: Shop) -> Mask:
    return mask_of(PERSONAL, load(str(shop.file)).secrets, "")


def _hash(shop: Shop) -> str:
    return _mask(shop).hashed(_email(_chosen(shop)))


def _check_whole(shop: Shop) -> None:
    """Files are as their commits say, ledgers balance, no night is stale."""
    pipeline = load(str(shop.file))
    known: set[Path] = set()
    for record in committed_batches(shop.store, "retail"):
        for ref in record.files:
            known.add(shop.store.verify(ref))
            if ref.uri.endswith(".parquet"):
                assert pl.read_parquet(shop.store.path(ref.uri)).height == ref.rows
        check_balance(LedgerLine(**line) for line in record.facts.get("ledger", ()))
    layers = [path for path in shop.store.root.iterdir() if path.name not in {"commits", "leases"}]
    kept = {file for layer in layers for file in layer.rglob("*") if file.is_file()}
    assert kept == known, "no file is left that no commit names"
    assert arrivals.stale_nights(pipeline, arrivals.all_kept(pipeline)) == []


def _rows(shop: Shop, without: str) -> dict[str, pl.DataFrame]:
    """Every table with rows of persons, without those of one."""
    tables = {}
    for path in shop.store.root.rglob("*.parquet"):
        name = path.relative_to(shop.store.root).as_posix()
        if name.startswith("tallies/"):  # what everybody's rows come to
            continue
        table = pl.read_parquet(path, hive_partitioning=False)
        if "Email" in table.columns or "email" in table.columns:
            column = "Email" if "Email" in table.columns else "email"
            tables[name] = table.filter(pl.col(column).ne_missing(without))
    return tables


def test_no_layer_keeps_what_a_person_said_as_they_said_it(shop: Shop) -> None:
    assert not found_in(shop.store.root, "canary")
    scores = pl.read_parquet(shop.store.root / f"scores/retail/scores/batch_date={NIGHT}")
    features = pl.read_parquet(shop.store.root / f"features/retail/lines/batch_date={NIGHT}")
    assert _hash(shop) in scores["Email"].to_list()
    ages = [name for name in features.columns if "customers" in name]
    assert features[ages[0]].null_count() < features.height / 2, "the join finds its rows"
    assert found_in(shop.store.root, _hash(shop)), "what is to be forgotten is there"


@pytest.mark.parametrize("as_hash", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_forgotten_person_is_nowhere_and_the_others_are_all_there(
    shop: Shop, as_hash: bool
) -> None:
    hashed, before = _hash(shop), _rows(shop, _hash(shop))
    value = hashed if as_hash else _email(_chosen(shop))
    assert list(shop.store.root.glob("tallies/retail/lines/*/*.parquet"))
    done = CliRunner().invoke(cli, ["forget", str(shop.file), value, "--yes", "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    for layer in ("arrivals", "landed", "valid", "prepared", "features", "labels", "scores"):
        assert told["rows"][layer] > 0, layer
    assert told["rows"]["quarantine"] >= 2
    assert told["rows"]["examples"] > 0
    assert not found_in(shop.store.root, hashed)
    assert not list(shop.store.root.glob("tallies/retail/lines/*/*.parquet"))
    after = _rows(shop, hashed)
    assert before.keys() == after.keys()
    for name, table in before.items():
        assert after[name].equals(table), name
    assert hashed not in done.output
    _check_whole(shop)


def test_what_was_removed_is_told_and_whose_it_was_is_not(shop: Shop) -> None:
    pipeline = load(str(shop.file))
    done = forgetting.forget(pipeline, _hash(shop))
    record = last_commit(shop.store, "retail", "forgotten-1")
    assert record is not None
    assert record.facts["rows"] == dict(done.rows)
    assert done.trained == (pl_version(shop),)
    note = shop.store.root / f"models/retail/{done.trained[0]}/forgotten.json"
    assert json.loads(note.read_text())["forgotten"] == [1]
    card = CliRunner().invoke(cli, ["models", "show", str(shop.file)])
    assert "taken out of the store since (forgotten-1)" in " ".join(card.output.split())
    ledger = shop.store.root / f"reports/retail/ledger/batch_date={NIGHT}/night.parquet"
    lines = pl.read_parquet(ledger, hive_partitioning=False).filter(stage="forget")
    scores = shop.store.root / f"reports/retail/scores/batch_date={NIGHT}/night.parquet"
    passed_on = dict(lines.select("table", "rows_out").rows())
    assert passed_on["lines"] == pl.read_parquet(scores, hive_partitioning=False).height
    assert set(lines["table"]) == {"lines", "customers", "quarantine"}
    page = shop.store.root / f"reports/retail/report/batch_date={NIGHT}/report.html"
    assert _hash(shop) not in page.read_text()


def pl_version(shop: Shop) -> str:
    """The version of the one model."""
    return next(path.parent.name for path in shop.store.root.glob("models/retail/*/model.json"))


def test_a_second_person_and_the_same_again(shop: Shop) -> None:
    pipeline = load(str(shop.file))
    forgetting.forget(pipeline, _hash(shop))
    again = forgetting.forget(pipeline, _hash(shop))
    assert (again.rows, again.batches, again.number) == ({}, 0, 2)
    scores = pl.read_parquet(shop.store.root / f"scores/retail/scores/batch_date={NIGHT}")
    other = next(email for email in scores["Email"] if email)
    assert forgetting.forget(pipeline, other).rows["scores"] > 0
    assert not found_in(shop.store.root, other)
    _check_whole(shop)


def test_nights_go_on_and_a_landing_is_no_error(shop: Shop) -> None:
    forgetting.forget(load(str(shop.file)), _hash(shop))
    night = shop.run(NEXT + dt.timedelta(days=1))
    first = min(path.name for path in (shop.folder / "drops").iterdir())
    (gap,) = night.gaps  # of ninety days, those before the shop's first
    assert f"to {dt.date.fromisoformat(first) - dt.timedelta(days=1)};" in gap
    _check_whole(shop)


def test_without_personal_columns_nobody_can_be_found(shop: Shop, trained_shop: Shop) -> None:
    with pytest.raises(ConfigError, match="personal columns"):
        forgetting.run(str(trained_shop.file), "somebody", True, False)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_kill_anywhere_leaves_each_batch_old_or_new_and_the_rest_can_be_done(
    shop: Shop, tmp_path: Path
) -> None:
    calm = Shop(tmp_path / "calm")
    shutil.copytree(shop.folder, calm.folder)
    renames = _forget_and_die(calm, 10**9)
    assert renames > 50
    expected = _kept(calm)
    for number, at in enumerate(range(1, renames, renames // KILLS)):
        killed = Shop(tmp_path / str(number))
        shutil.copytree(shop.folder, killed.folder)
        _forget_and_die(killed, at)
        forgetting.forget(load(str(killed.file)), _hash(killed))
        assert not found_in(killed.store.root, _hash(killed)), at
        _check_whole(killed)
        assert _kept(killed) == expected, at
        shutil.rmtree(killed.folder)


def _kept(shop: Shop) -> dict[str, bytes]:
    return {
        name: content
        for layer in ("landed", "valid", "arrivals", "scores", "examples", "reports", "quarantine")
        for name, content in shop.tables(layer).items()
    }


def _forget_and_die(shop: Shop, at: int) -> int:
    """Forget in a process that kills itself at a rename in the store.

    Returns:
        The renames it made; 0 where it was killed.
    """
    words = [str(shop.file), _hash(shop), str(shop.store.root), str(at)]
    done = subprocess.run(
        [sys.executable, "tests/flows/forgetting_child.py", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **KEY},
        capture_output=True,
        text=True,
    )
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return int(done.stdout) if done.returncode == 0 else 0
