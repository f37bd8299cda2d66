"""The same flows as runs of a Prefect server, and as deployments."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.testing.utilities import prefect_test_harness

from flows.demo.services import demo_services
from flows.nightly import nightly
from tasks.core.errors import SourceMissingError
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
        artifacts = client.read_artifacts()
    assert names >= STAGES
    summary = next(each for each in artifacts if each.key == "night-retail")
    assert "alerts" in str(summary.data)


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
        incident = next(each for each in client.read_artifacts() if each.key == "incident")
    assert "SourceMissingError" in str(incident.data)


def test_no_secret_and_no_frame_is_a_parameter(server: str, shop: Shop) -> None:
    with demo_services(str(shop.file)):
        state = nightly(str(shop.file), NIGHT, return_state=True)
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(state.state_details.flow_run_id)
    assert run.parameters == {
        "pipeline": str(shop.file),
        "date": str(NIGHT),
        "options": {"alerts": None},
    }
