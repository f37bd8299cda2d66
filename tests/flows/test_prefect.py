"""The same flows as runs of a Prefect server, and as deployments."""

from __future__ import annotations

import json
import re
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from prefect.blocks.system import Secret
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import (
    PREFECT_API_DATABASE_CONNECTION_URL,
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)
from prefect.testing.utilities import prefect_test_harness

from flows.demo.services import demo_services
from flows.nightly import nightly
from flows.options import NightOptions
from flows.pipeline import environment
from tasks.core.errors import SourceMissingError
from tests.flows.canaries import found_in, serve_products
from tests.flows.conftest import NIGHT, Shop

STAGES = {"ingest", "validate", "prepare", "features", "score", "report"}


def _stages_told(client: SyncPrefectClient, run_id: UUID | None) -> set[str]:
    """The stages the server knows of; it learns of task runs by events, a little later."""
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    names: set[str] = set()
    for _ in range(60):
        runs = client.read_task_runs(flow_run_filter=mine)
        names = {re.split(r"[ -]", run.name)[0] for run in runs}
        if names >= STAGES:
            break
        time.sleep(0.5)
    return names


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with (
        prefect_test_harness(server_startup_timeout=120),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield str(PREFECT_API_URL.value())


def test_a_night_is_a_flow_run_of_stages_with_its_summary(server: str, shop: Shop) -> None:
    with demo_services(str(shop.file)):
        state = nightly(str(shop.file), NIGHT, return_state=True)
    assert state.is_completed()
    with get_client(sync_client=True) as client:
        names = _stages_told(client, state.state_details.flow_run_id)
        artifacts = {str(each.key): str(each.data) for each in client.read_artifacts()}
    assert names >= STAGES
    parts = ("verdict", "alerts", "quality", "drift", "ledger", "pictures")
    assert {f"retail-night-{part}" for part in parts} <= set(artifacts)
    assert "alerts" in artifacts["retail-night-verdict"]


def test_a_night_by_a_server_and_in_process_are_the_same(server: str, shop: Shop) -> None:
    with demo_services(str(shop.file)):
        nightly(str(shop.file), NIGHT)
    by_server = shop.tables()
    shop.run()
    assert shop.tables() == by_server


def test_a_stopped_night_is_a_failed_run_with_its_reason(server: str, shop: Shop) -> None:
    shop.drop(NIGHT).unlink()
    with demo_services(str(shop.file)):
        state = nightly(str(shop.file), NIGHT, return_state=True)
    assert state.is_failed()
    with pytest.raises(SourceMissingError):
        state.result()
    with get_client(sync_client=True) as client:
        incident = next(
            each for each in client.read_artifacts() if each.key == "retail-night-incident"
        )
    assert "SourceMissingError" in str(incident.data)


def test_no_secret_and_no_frame_is_a_parameter(server: str, shop: Shop) -> None:
    with demo_services(str(shop.file)):
        state = nightly(str(shop.file), NIGHT, return_state=True)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.parameters == {
        "pipeline": str(shop.file),
        "date": str(NIGHT),
        "options": NightOptions().model_dump(),
    }


def _telling(place: str, secret: str, folder: Path) -> dict[str, str]:
    """The variables that tell the API's token by one of the places a secret may come from."""
    if place == "file":
        (folder / "token").write_text(secret)
        return {"PRODUCTS_TOKEN_FILE": str(folder / "token")}
    if place == "block":
        Secret(value=secret).save("products-token", overwrite=True, _sync=True)
        return {"PRODUCTS_TOKEN_BLOCK": "products-token"}
    return {"PRODUCTS_TOKEN": secret}


def _told_by_the_server(client: SyncPrefectClient) -> str:
    """All that the API tells of runs: parameters, states, logs, artifacts."""
    runs = [run.model_dump_json() for run in client.read_flow_runs()]
    tasks = [run.model_dump_json() for run in client.read_task_runs()]
    logs = [log.model_dump_json() for log in client.read_logs(limit=200)]
    artifacts = [artifact.model_dump_json() for artifact in client.read_artifacts()]
    return "\n".join([*runs, *tasks, *logs, *artifacts])


@pytest.mark.parametrize("place", ["environment", "file", "block"])
@pytest.mark.parametrize("works", [True, False], ids=["good", "failing"])
def test_a_secret_is_in_nothing_that_a_night_leaves(
    server: str,
    shop: Shop,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    place: str,
    works: bool,
) -> None:
    secret = f"canary-{place}-{works}-4f7d2a"
    records = json.loads((shop.folder / "products.json").read_text())
    with serve_products(records, secret, works) as url:
        places = _telling(place, secret, tmp_path)
        database = f"sqlite:///{shop.folder / 'customers.db'}"
        with environment({"PRODUCTS_URL": url, "CUSTOMERS_DB": database, **places}):
            state = nightly(str(shop.file), NIGHT, return_state=True)
    assert state.is_completed() == works, state.message
    error = "" if works else "".join(traceback.format_exception(_raised(state)))
    captured = capfd.readouterr()
    with get_client(sync_client=True) as client:
        told = _told_by_the_server(client)
    assert "retail-night-verdict" in told if works else "refused" not in error
    assert secret not in f"{error}{state}{told}{caplog.text}{captured.out}{captured.err}"
    assert not found_in(shop.folder, secret)
    home = Path(str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2])
    assert home.is_file()
    assert not found_in(home.parent, secret)


def _raised(state: object) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011  # which one is not the question
        state.result()  # type: ignore[attr-defined]
    return caught.value


def test_a_password_is_in_no_error_of_a_database_that_does_not_answer(
    server: str, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "canary-password-4f7d2a"
    with (
        environment({"CUSTOMERS_DB": f"postgresql://someone:{secret}@127.0.0.1:1/customers"}),
        demo_services(str(shop.file)),
    ):
        state = nightly(str(shop.file), NIGHT, return_state=True)
    assert state.is_failed()
    assert "port 1 failed" in str(_raised(state))
    error = "".join(traceback.format_exception(_raised(state)))
    with get_client(sync_client=True) as client:
        assert secret not in f"{error}{_told_by_the_server(client)}{caplog.text}"
    assert not found_in(shop.folder, secret)
