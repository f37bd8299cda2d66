"""The service as a team has it: up, runs from the UI, killed in the middle, down, up again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import PrefectHTTPStatusError

from flows.options import NightOptions
from tasks.core import lease
from tasks.models.aliases import read_aliases
from tests.browser import chromium
from tests.flows.conftest import LAST, NIGHT, Shop
from tests.flows.serving import Service, eventually, finished, free_port, lamplighter, process_of

FLOWS = ("nightly", "train", "backfill", "monitor", "promote")

# Servers and workers take their time to start on a busy machine.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def service(trained_shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service") / "demo"
    shutil.copytree(trained_shop.folder, folder)
    port = free_port()
    done = lamplighter("up", "--folder", str(folder), "--port", str(port))
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        found = Service(Shop(folder), port)
        yield replace(found, password=found.drawn)
    finally:
        lamplighter("down", "--folder", str(folder))


def test_up_makes_every_deployment_with_its_schedule(service: Service) -> None:
    with service.client() as client:
        found = {flow: service.deployment(client, flow) for flow in FLOWS}
        pool = client.read_work_pool(service.identity.name)
    assert pool.type == "process"
    schedules = [each.schedule for each in found["nightly"].schedules]
    assert [(s.cron, s.timezone) for s in schedules] == [("30 3 * * *", "Europe/London")]
    assert found["nightly"].parameters == {"pipeline": str(service.shop.file), "date": None}
    assert all(each.entrypoint == f"flows.{_module(flow)}" for flow, each in found.items())


def _module(flow: str) -> str:
    modules = {"train": "training", "monitor": "monitoring", "promote": "promotion"}
    return f"{modules.get(flow, flow)}.{flow}"


def test_up_again_changes_nothing_and_keeps_what_was_paused(service: Service) -> None:
    with service.client() as client:
        before = service.deployment(client, "nightly")
        client.update_deployment_schedule(before.id, before.schedules[0].id, active=False)
        automations = sorted(each.name for each in client.read_automations())
        done = lamplighter("up", "--folder", str(service.shop.folder))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "is up already" in done.stdout
        after = service.deployment(client, "nightly")
        assert after.id == before.id
        assert [schedule.active for schedule in after.schedules] == [False]
        assert sorted(each.name for each in client.read_automations()) == automations


def test_the_form_refuses_what_lies_beyond_its_limits(service: Service) -> None:
    with service.client() as client:
        deployment = service.deployment(client, "nightly")
        with pytest.raises(PrefectHTTPStatusError, match="409"):
            client.create_flow_run_from_deployment(
                deployment.id, parameters={"options": {"alerts": 0}}
            )


def test_nobody_is_let_in_without_the_password(service: Service, tmp_path: Path) -> None:
    asked = httpx.post(f"{service.api_url}/flow_runs/filter", json={}, trust_env=False)
    assert asked.status_code == 401
    guessing = replace(service, password="lamplighter:guessed").client()
    with guessing as client, pytest.raises(PrefectHTTPStatusError, match="401"):
        client.read_flow_runs()
    shutil.copy(service.shop.file, tmp_path)
    stranger = Service(Shop(tmp_path), service.port).lamplighter("deploy")
    assert stranger.returncode == 2, stranger.stderr
    assert "the password of the Prefect server" in stranger.stderr
    told = (service.places.state / "supervisor.log", service.places.state / "server.log")
    secret = service.password.partition(":")[2]
    assert all(secret not in log.read_text() for log in told)


def test_a_run_filled_in_and_started_in_the_browser(service: Service, tmp_path: Path) -> None:
    program = chromium.find()
    if program is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with service.client() as client, chromium.launch(program) as page:
        deployment = service.deployment(client, "nightly")
        address = f"http://127.0.0.1:{service.port}"
        page.open(f"{address}/deployments/deployment/{deployment.id}/run", height=1100)
        eventually("the page that asks who it is", lambda: page.has("input[type=password]"))
        page.fill("input[type=password]", service.password)
        page.press("Login")
        eventually("the form", lambda: "Alerts at most" in page.text())
        page.press("date")
        eventually("its field", lambda: page.has('input[type="date"]'))
        page.fill('input[type="date"]', str(NIGHT))
        page.press("int")
        eventually("its field", lambda: page.has('input[type="number"]'))
        page.fill('input[type="number"]', "7")
        page.screenshot(tmp_path / "form.png")
        page.press("Submit")
        run = eventually("a run", lambda: _newest(client, deployment.id))
        eventually("its end", lambda: finished(client, run.id))
        assert client.read_flow_run(run.id).parameters == {
            "pipeline": str(service.shop.file),
            "date": str(NIGHT),
            "options": NightOptions(alerts=7).model_dump(),
        }
        page.open(f"{address}/runs/flow-run/{run.id}", height=1100)
        eventually("its page", lambda: "Task Runs" in page.text())
        page.press("Artifacts")
        eventually("its summary", lambda: "retail-night-pictures" in page.text())
        page.screenshot(tmp_path / "run.png")
        drawn = {each.key: each.id for each in client.read_artifacts()}["retail-night-pictures"]
        page.open(f"{address}/artifacts/artifact/{drawn}", height=1100)
        eventually("a picture", lambda: page.evaluate(_DRAWN))
        page.screenshot(tmp_path / "pictures.png")
        outside = [url for url in page.requests if not url.startswith((address, "data:", "blob:"))]
        assert not outside
    alerts = service.shop.store.root / f"reports/retail/alerts/batch_date={NIGHT}"
    import polars as pl

    assert pl.read_parquet(alerts, hive_partitioning=False).height == 7


# Whether the page has pictures of data, all of which are drawn.
_DRAWN = """(() => {
  const drawn = [...document.querySelectorAll('img[src^="data:image/svg+xml"]')];
  return drawn.length > 0 && drawn.every(each => each.naturalWidth > 0);
})()"""


def _newest(client: SyncPrefectClient, deployment: UUID) -> FlowRun | None:
    runs = [r for r in client.read_flow_runs() if r.deployment_id == deployment]
    started = [r for r in runs if r.parameters.get("date") == str(NIGHT)]
    return max(started, key=lambda run: run.created or run.expected_start_time, default=None)


def test_killed_with_its_worker_and_the_server_a_night_is_complete_once(service: Service) -> None:
    with service.client() as client:
        run = service.start(client, date=str(NIGHT))
        process = eventually("its process", lambda: process_of(client, run))
        for pid in (*service.children("worker"), process, *service.children("server")):
            os.kill(pid, signal.SIGKILL)
        again = eventually("its rescue", lambda: _rescue_of(client, run))
        done = eventually("its end", lambda: finished(client, again.id))
        assert done.state.is_completed()
        assert client.read_flow_run(run).state.is_crashed()
    rescued = service.shop.tables()
    service.shop.run()
    assert service.shop.tables() == rescued


def _rescue_of(client: SyncPrefectClient, run: UUID) -> FlowRun | None:
    tag = f"rescue-{run}-1"
    return next((each for each in client.read_flow_runs() if tag in each.tags), None)


def test_a_rule_starts_a_training_by_an_event_and_its_model_is_the_challenger(
    service: Service,
) -> None:
    """From the monitoring's rule to the server's automation to a registered model."""
    shop, day = service.shop, str(LAST)
    with service.client() as client:
        eventually("the monitoring of earlier nights", lambda: _are_followed(service, client))
    config = yaml.safe_load(shop.file.read_text())
    config["monitoring"] = {"retrain": {"age": "3d"}}
    config["training"]["promotion"] = {"rule": "manual"}
    shop.file.write_text(yaml.safe_dump(config, sort_keys=False))
    before = read_aliases(shop.store, "retail")
    if not (shop.store.root / f"commits/retail/{NIGHT}.json").is_file():
        shop.run()
    with service.client() as client:
        looked = service.start(client, "monitor", date=day)
        done = eventually("the monitoring's end", lambda: finished(client, looked))
        assert done.state.is_completed(), done.state.message
        training = service.deployment(client, "train")
        run = eventually("a training", lambda: _of(client, training.id))
        assert run.parameters["date"] == day
        ended = eventually("its end", lambda: finished(client, run.id))
        assert ended.state.is_completed(), ended.state.message
        after = read_aliases(shop.store, "retail")
        assert after.champion == before.champion
        assert after.challenger is not None
        again = service.start(client, "monitor", date=day)
        eventually("the next monitoring's end", lambda: finished(client, again))
    record = json.loads((shop.store.root / f"commits/retail/due-{day}.json").read_text())
    assert [reason["rule"] for reason in record["facts"]["reasons"]] == ["age"]
    with service.client() as client:
        runs = [each for each in client.read_flow_runs() if each.deployment_id == training.id]
    assert len(runs) == 1, "a challenger on trial is left alone"


def test_every_kind_of_run_leaves_what_it_found_by_keys_of_its_own(service: Service) -> None:
    """After the tests above only a promotion and a backfill are left to run."""
    night = str(NIGHT)
    with service.client() as client:
        runs = [
            service.start(client, "promote"),
            service.start(client, "backfill", first=night, last=night),
        ]
        for run in runs:
            ended = eventually("its end", lambda run=run: finished(client, run))
            assert ended.state.is_completed(), ended.state.message
        keys = {each.key for each in client.read_artifacts()}
    assert {
        *(f"retail-night-{p}" for p in ("verdict", "alerts", "quality", "ledger", "pictures")),
        *(f"retail-training-{p}" for p in ("verdict", "figures", "ledger", "pictures")),
        *(f"retail-{k}-verdict" for k in ("monitoring", "promotion", "backfill")),
        *(f"retail-{k}-figures" for k in ("monitoring", "promotion")),
    } <= keys


def _are_followed(service: Service, client: SyncPrefectClient) -> bool:
    """Whether each night that was completed has had its monitoring, by the file as it was then."""
    night, follower = (service.deployment(client, flow).id for flow in ("nightly", "monitor"))
    runs = [run for run in client.read_flow_runs() if run.state]
    nights = [run for run in runs if run.deployment_id == night and run.state.is_completed()]
    monitored = [run for run in runs if run.deployment_id == follower]
    return len(monitored) >= len(nights) and all(run.state.is_final() for run in monitored)


def _of(client: SyncPrefectClient, deployment: UUID) -> FlowRun | None:
    return next((r for r in client.read_flow_runs() if r.deployment_id == deployment), None)


@pytest.fixture
def neighbour(service: Service, trained_shop: Shop, tmp_path: Path) -> Iterator[Service]:
    """A folder of the same name, with a pipeline of the same name, that joins the same server."""
    folder = tmp_path / "demo"
    shutil.copytree(trained_shop.folder, folder)
    joined = Service(Shop(folder), service.port, service.password)
    done = joined.lamplighter("up")
    assert done.returncode == 0, done.stdout + done.stderr
    try:
        yield joined
    finally:
        joined.lamplighter("down")


def test_folders_that_share_a_server_have_nothing_else_in_common(
    service: Service, neighbour: Service
) -> None:
    """Not runs, not triggers; and what one of them takes away is its own."""
    pipeline, here = neighbour.shop.file, neighbour.identity.deployment
    with service.client() as client:
        ours = _deployed(client, service)
        run = neighbour.start(client, date=str(NIGHT))
        ended = eventually("its end", lambda: finished(client, run))
        assert ended.state.is_completed(), ended.state.message
        assert ended.work_pool_name == neighbour.identity.name
        assert (neighbour.shop.store.root / f"commits/retail/{NIGHT}.json").is_file()
        follower = neighbour.deployment(client, "monitor")
        eventually("its monitoring", lambda: _of(client, follower.id))
        of_ours = service.deployment(client, "monitor").id
        assert not [run for run in client.read_flow_runs() if _is_after(run, ended, of_ours)]
        pipeline.write_text(pipeline.read_text().replace("name: retail", "name: wholesale"))
        renewed = neighbour.lamplighter("up")
        assert f"removed nightly/{here('retail')}" in renewed.stdout, renewed.stderr
        assert _deployed(client, neighbour) == {f"{f}/{here('wholesale')}" for f in FLOWS}
        assert _deployed(client, service) == ours
        told = [each.name for each in client.read_automations()]
    assert f"{here('retail')}: train when due" not in told
    assert f"{service.identity.deployment('retail')}: train when due" in told


def _deployed(client: SyncPrefectClient, service: Service) -> set[str]:
    """The full names of the deployments in the pool of a service."""
    flows = {flow.id: flow.name for flow in client.read_flows()}
    found = client.read_deployments()
    pool = service.identity.name
    return {f"{flows[each.flow_id]}/{each.name}" for each in found if each.work_pool_name == pool}


def _is_after(run: FlowRun, night: FlowRun, deployment: UUID) -> bool:
    """Whether a run of a deployment came behind a night."""
    assert night.end_time is not None
    return run.deployment_id == deployment and (run.created or night.end_time) >= night.end_time


def test_down_leaves_no_process_and_up_again_has_the_runs(service: Service) -> None:
    running = service.places.running()
    assert running is not None
    with service.client() as client:
        runs = {run.id for run in client.read_flow_runs() if run.state and run.state.is_final()}
    done = lamplighter("down", "--folder", str(service.shop.folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert not lease.is_held(service.places.lock)
    assert service.places.running() is None
    eventually("no process of the group", lambda: not _lives(running.pid))
    done = lamplighter("up", "--folder", str(service.shop.folder), "--port", str(service.port))
    assert done.returncode == 0, done.stdout + done.stderr
    with service.client() as client:
        assert runs <= {run.id for run in client.read_flow_runs()}


def _lives(group: int) -> bool:
    return subprocess.run(["pgrep", "-g", str(group)], capture_output=True).returncode == 0
