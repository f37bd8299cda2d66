"""The same tables wherever partitions are computed, also when a worker is killed on the way."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from pydantic import ValidationError

from flows import cluster as clusters
from flows.cluster import Cluster, Fit
from flows.compute import computing
from flows.compute_config import DaskCompute, LocalCompute
from flows.demo.services import demo_services
from flows.nightly import nightly
from flows.options import NightOptions, TrainingOptions
from flows.pipeline import Pipeline, load
from flows.training import train
from tasks.core.commit import open_run
from tasks.core.errors import ComputeError, ConfigError
from tasks.core.keys import code_digest
from tasks.core.versions import versions
from tasks.task import Listener, listening
from tests.flows.conftest import NIGHT, TRAINED_BY, Shop

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

TUNING = {
    "method": "random",
    "trials": 2,
    "parallel": 2,
    "space": [{"kind": "mlp", "width": [4, 8], "layers": 1, "epochs": 1}],
}
DEADLY = """
import os, pathlib, signal
import polars as pl

MARK = pathlib.Path(__file__).with_name("killed")

def once(rows):
    if not MARK.exists():
        MARK.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return [pl.col("Quantity").cast(pl.Float64).alias("quantity_again")]
"""


@dataclass(frozen=True)
class There:
    """A cluster of two processes that is there already, reached by its certificate."""

    local: Any
    compute: DaskCompute

    @contextmanager
    def client(self) -> Iterator[Any]:
        security = self.local.security
        with distributed.Client(self.local, security=security, set_as_default=False) as client:
            yield client


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[There]:
    folder = tmp_path_factory.mktemp("tls")
    made = distributed.Security.temporary()
    files = {
        "ca": made.tls_ca_file,
        "certificate": made.tls_client_cert,
        "key": made.tls_client_key,
    }
    for name, content in files.items():
        (folder / f"{name}.pem").write_text(content)
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        protocol="tls://",
        security=made,
        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
    ) as local:
        tls = {name: folder / f"{name}.pem" for name in files}
        compute = {"address": local.scheduler_address, "tls": tls}
        yield There(local, DaskCompute.model_validate(compute))


def published(shop: Shop) -> dict[str, bytes]:
    """All that a run leaves, save the times at which models began to serve."""
    layers = ("reports", "features", "scores", "models", "examples")
    tables = {uri: content for layer in layers for uri, content in shop.tables(layer).items()}
    return {uri: content for uri, content in tables.items() if not uri.endswith("aliases.json")}


def with_compute(shop: Shop, compute: LocalCompute | DaskCompute) -> Pipeline:
    pipeline = load(str(shop.file))
    return replace(pipeline, config=pipeline.config.model_copy(update={"compute": compute}))


def test_a_training_and_a_night_on_a_cluster_are_those_of_one_process(
    shop: Shop, there: There
) -> None:
    config = yaml.safe_load(shop.file.read_text())
    config["tuning"] = TUNING
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    made = []
    for compute in (None, there.compute):
        with demo_services(str(shop.file)):
            done = train.fn(str(shop.file), TRAINED_BY, TrainingOptions(compute=compute))
            nightly.fn(str(shop.file), NIGHT, NightOptions(compute=compute))
        made.append((done.trained.version, published(shop)))
    assert made[0] == made[1]


def test_a_worker_that_is_killed_on_the_way_costs_nothing_but_time(
    shop: Shop, there: There
) -> None:
    (shop.folder / "deadly.py").write_text(DEADLY)
    config = yaml.safe_load(shop.file.read_text())
    config["features"].append({"family": "own", "function": "deadly:once", "within": "1d"})
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    mark = shop.folder / "killed"
    mark.touch()
    shop.run()
    before = published(shop)
    mark.unlink()
    victims = []

    def kill_one(stage: str) -> None:
        if stage == "score":
            victims.append(next(iter(there.local.workers.values())).pid)
            os.kill(victims[-1], signal.SIGKILL)

    with demo_services(str(shop.file)), listening(Listener(kill_one, lambda _: None)):
        nightly.fn(str(shop.file), NIGHT, NightOptions(compute=there.compute))
    assert mark.exists(), "a worker died over the features"
    assert victims, "and one as scoring began"
    assert published(shop) == before


def test_a_partition_that_no_worker_survives_is_an_error(there: There, tmp_path: Path) -> None:
    with there.client() as client:
        there.local.scheduler.allowed_failures = 0
        try:
            fit = Fit(tmp_path, code_digest(), versions())
            with pytest.raises(ComputeError, match="1 died of one partition"):
                list(Cluster(client, 2, fit).map(_die, [1]))
        finally:
            there.local.scheduler.allowed_failures = 3


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"staging": Path("/nowhere/at/all")}, "Mount the store at the same path"),
        ({"code": "0" * 64}, "other source of Lamplighter"),
        ({"versions": {"polars": "1.0.0"}}, r"polars [\d.]+ in place of 1\.0\.0"),
    ],
)
def test_a_worker_that_is_not_fit_says_so_and_why(
    there: There, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    fit = replace(Fit(tmp_path, code_digest(), versions()), **change)
    with there.client() as client:
        for ask in (lambda c: c.check(), lambda c: list(c.map(abs, [1]))):
            with pytest.raises(ComputeError, match=told) as caught:
                ask(Cluster(client, 2, fit))
            assert socket.gethostname() in caught.value.where


def test_a_cluster_of_this_machine_listens_on_loopback_to_the_invited(shop: Shop) -> None:
    pipeline = with_compute(shop, DaskCompute(workers=1))
    with (
        open_run(pipeline.store, "retail", "trial", "here") as run,
        computing(pipeline, run) as computed,
    ):
        assert list(computed.executor.map(abs, [-3, -4])) == [3, 4]
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        listening_at = {
            (socket_.laddr.ip, socket_.laddr.port)
            for process in family
            for socket_ in process.net_connections("inet")
            if socket_.status == psutil.CONN_LISTEN
        }
        assert listening_at
        assert {host for host, _ in listening_at} == {"127.0.0.1"}
        scheduler = int(computed.executor.address.rpartition(":")[2])
        anybody = ssl.create_default_context()
        anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection(("127.0.0.1", scheduler)) as plain,
            pytest.raises(ssl.SSLError, match="certificate required"),
            anybody.wrap_socket(plain) as stranger,
        ):
            stranger.recv(1)


def test_without_the_package_an_error_says_what_to_install(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    pipeline = with_compute(shop, DaskCompute())
    with (
        open_run(pipeline.store, "retail", "trial", "here") as run,
        pytest.raises(ConfigError, match=r"pip install 'lamplighter\[dask\]'"),
        computing(pipeline, run),
    ):
        pass


def test_a_scheduler_that_is_not_there_is_an_error(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters, "_ANSWER_SECONDS", 0.5)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{closed.getsockname()[1]}"
    pipeline = with_compute(shop, DaskCompute(address=address))
    with (
        open_run(pipeline.store, "retail", "trial", "here") as run,
        pytest.raises(ComputeError, match="dask scheduler"),
        computing(pipeline, run),
    ):
        pass


def test_where_it_is_computed_is_no_part_of_what_is_computed(shop: Shop) -> None:
    elsewhere = with_compute(shop, LocalCompute(workers=7))
    assert elsewhere.digest == load(str(shop.file)).digest


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"address": "10.0.0.1:8786"}, "pattern"),
        ({"address": "tcp://10.0.0.1:8786"}, "not encrypted"),
        ({"address": "tls://10.0.0.1:8786"}, "go together"),
        ({"tls": {"ca": "a", "certificate": "b", "key": "c"}}, "goes with an address"),
        ({"workers": 0}, "greater than or equal to 1"),
    ],
)
def test_a_cluster_without_guard_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        DaskCompute.model_validate(given)
    assert DaskCompute(address="tcp://10.0.0.1:8786", unencrypted=True).workers is None
    assert DaskCompute(address="tcp://localhost:8786").tls is None
