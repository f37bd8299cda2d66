"""What a service decides, without a server: environments, passwords, rescues, catching up."""

from __future__ import annotations

import datetime as dt
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Cancelled, Completed, Crashed, Running, State

from flows.demo.layout import lay_out_retail
from flows.pipeline import SHIPPED, load, told, variables
from flows.service import automations, deployments, password, rescue
from flows.service.children import Child
from flows.service.identity import Identity, establish
from flows.service.password import guarded
from flows.service.places import Places
from flows.service.settings import Listening
from tasks.core.errors import ConfigError


def test_a_server_that_is_started_again_is_told_what_it_was_told_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that it would come back on another, empty database."""
    started: list[dict[str, Any]] = []

    def popen(_: object, **keys: Any) -> SimpleNamespace:
        started.append(keys)
        return SimpleNamespace(poll=lambda: 1)

    monkeypatch.setattr(subprocess, "Popen", popen)
    url = "postgresql+asyncpg://someone@127.0.0.1/prefect"
    environment = Listening(database=url).environment(Places(tmp_path), variables())
    child = Child("server", ("server",), tmp_path / "log", environment, 0o077)
    child.start()
    monkeypatch.setattr("flows.service.children._SHORTEST_PAUSE", 0.0)
    monkeypatch.setattr("time.monotonic", iter(range(0, 10_000, 500)).__next__)
    while len(started) < 2:
        child.keep_alive()
    assert started[0]["env"] == started[1]["env"]
    assert started[1]["env"]["PREFECT_API_DATABASE_CONNECTION_URL"] == url
    assert started[1]["umask"] == 0o077


def test_flags_win_over_the_environment_and_the_environment_over_defaults(tmp_path: Path) -> None:
    given = {
        "PREFECT_API_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:///elsewhere.db",
        "PREFECT_HOME": "/elsewhere",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events",
    }
    places = Places(tmp_path)
    named = Listening(database="postgresql+asyncpg://h/p").environment(places, given)
    assert named["PREFECT_API_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://h/p"
    assert named["PREFECT_HOME"] == str(places.home)
    assert named["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"] == "events"
    assert named["PREFECT_SERVER_UI_STATIC_DIRECTORY"].startswith(str(places.home))
    assert named["PREFECT_SERVER_CORS_ALLOWED_ORIGINS"] == "http://127.0.0.1:4200"
    unnamed = Listening().environment(places, given)
    assert unnamed["PREFECT_API_DATABASE_CONNECTION_URL"].endswith("elsewhere.db")


def test_what_is_told_holds_over_what_is_set_and_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    monkeypatch.delenv("LAMPLIGHTER_NOTHING", raising=False)
    with told({"PREFECT_API_URL": "http://here/api", "LAMPLIGHTER_NOTHING": "1"}):
        assert os.environ["PREFECT_API_URL"] == "http://here/api"
    assert os.environ["PREFECT_API_URL"] == "http://elsewhere/api"
    assert "LAMPLIGHTER_NOTHING" not in os.environ


@pytest.mark.parametrize(
    ("servers", "clients"),
    [("user:", "user:"), (":secret", ":secret"), ("secret", "secret"), ("u:p", ""), ("", "u:p")],
)
def test_a_password_that_is_none_guards_nothing(servers: str, clients: str) -> None:
    with pytest.raises(ConfigError, match="PREFECT_API_AUTH_STRING"):
        Listening("0.0.0.0", password=servers, told=clients).check()


def test_a_password_guards_any_address_and_loopback_needs_none() -> None:
    Listening("0.0.0.0", password="u:p", told="u:p").check()
    Listening("127.0.0.1").check()
    Listening("::1").check()
    assert Listening("::1").api_url == "http://[::1]:4200/api"
    with pytest.raises(ConfigError, match="without one"):
        Listening("0.0.0.0").check()


def test_a_password_is_drawn_once_and_kept_to_its_owner(tmp_path: Path) -> None:
    places, old = Places(tmp_path), os.umask(0)
    try:
        drawn = guarded(Listening(), places)
    finally:
        os.umask(old)
    drawn.check()
    user, _, secret = drawn.password.partition(":")
    assert (user, len(secret)) == ("lamplighter", 32)
    assert drawn.told == drawn.password
    assert stat.S_IMODE(password.file(places).stat().st_mode) == 0o600
    assert stat.S_IMODE(places.state.stat().st_mode) == 0o700
    assert guarded(Listening(), places) == drawn
    (tmp_path / "other").mkdir()
    assert guarded(Listening(), Places(tmp_path / "other")).password != drawn.password
    assert drawn.variables() == {
        "PREFECT_SERVER_API_AUTH_STRING": drawn.password,
        "PREFECT_API_AUTH_STRING": drawn.password,
    }


def test_a_password_that_is_given_wins_over_the_one_that_is_kept(tmp_path: Path) -> None:
    given = Listening(password="u:p", told="u:p")
    assert guarded(given, Places(tmp_path)) == given
    assert not (tmp_path / ".lamplighter").exists()


def test_a_password_file_that_holds_none_is_told(tmp_path: Path) -> None:
    places = Places(tmp_path)
    guarded(Listening(), places)
    password.file(places).write_text("secret\n")
    with pytest.raises(ConfigError, match=r"\.lamplighter/password"):
        guarded(Listening(), places)


def test_two_pipelines_of_one_name_are_refused(tmp_path: Path) -> None:
    lay_out_retail(tmp_path, SHIPPED / "retail.yaml")
    copy = tmp_path / "backup.yaml"
    copy.write_bytes((tmp_path / "retail.yaml").read_bytes())
    with pytest.raises(ConfigError, match=r"retail\.yaml, .*backup\.yaml"):
        deployments.deploy([tmp_path / "retail.yaml", copy], establish(Places(tmp_path)), True)


@pytest.mark.parametrize(
    ("name", "monitored"), [("intrusion", True), ("intrusion-unlabelled", False)]
)
def test_only_what_has_labels_is_monitored(name: str, monitored: bool, tmp_path: Path) -> None:
    identity = Identity("here", "1f", tmp_path)
    made = [each.full_name for each in deployments._deployments(load(name), identity)]
    assert (f"monitor/{name}@here" in made) is monitored
    assert f"nightly/{name}@here" in made


def test_automations_look_at_our_runs_alone() -> None:
    related = [each.trigger.match_related for each in automations._automations()]
    assert all("prefect.tag.lamplighter" in str(each) for each in related)


class _Server:
    """Answers as a Prefect server would, from a few runs."""

    def __init__(self, *runs: FlowRun) -> None:
        self.runs = {run.id: run for run in runs}
        self.created: list[str] = []
        self.set: list[tuple[str, StateType]] = []

    def read_flow_runs(self, flow_run_filter: Any, work_pool_filter: Any) -> list[FlowRun]:
        assert work_pool_filter.name.any_ == ["here"]
        wanted = flow_run_filter.state.type.any_
        return [run for run in self.runs.values() if run.state and run.state.type in wanted]

    def read_flow_run(self, run_id: Any) -> FlowRun:
        return self.runs[run_id]

    def set_flow_run_state(self, run_id: Any, state: State[Any]) -> None:
        self.set.append((self.runs[run_id].name, state.type))

    def create_flow_run_from_deployment(self, _: Any, parameters: Any, **__: Any) -> Any:
        self.created.append(parameters["pipeline"])
        return SimpleNamespace(name="again")


def _run(name: str, state: State[Any], **keys: Any) -> FlowRun:
    return FlowRun(
        name=name, flow_id=uuid4(), deployment_id=uuid4(), state=state, **{"tags": [], **keys}
    )


@contextmanager
def _answering(server: _Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    @contextmanager
    def client(**_: object) -> Iterator[_Server]:
        yield server

    monkeypatch.setattr(rescue, "get_client", client)
    yield


def test_a_run_that_cannot_be_started_again_keeps_no_other_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: [")
    when = dt.datetime.now(dt.UTC)
    runs = [
        _run("1", Crashed(), parameters={"pipeline": str(broken), "date": None},
             expected_start_time=when),
        _run("2", Crashed(), parameters={"pipeline": "b"}, tags=["rescue-me"]),
    ]  # fmt: skip
    server = _Server(*runs)
    with _answering(server, monkeypatch):
        looking = rescue.Rescue("here")
        said = list(looking.look())
        assert server.created == ["b"]
        assert "could not be run again" in said[0]
        assert list(looking.look()) == []


@pytest.mark.parametrize(
    ("now", "becomes"),
    [(Running(), StateType.CRASHED), (State(type=StateType.CANCELLING), StateType.CANCELLED),
     (Completed(), None), (Cancelled(), None)],
)  # fmt: skip
def test_a_run_without_a_process_becomes_what_it_was_about_to(
    now: State[Any], becomes: StateType | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run("night", now if becomes else Running(), infrastructure_pid="999999999")
    server = _Server(run)
    monkeypatch.setattr(server, "read_flow_run", lambda _: run.model_copy(update={"state": now}))
    with _answering(server, monkeypatch):
        list(rescue.Rescue("here").look())
    assert server.set == ([("night", becomes)] if becomes else [])


def test_a_process_of_another_host_says_nothing() -> None:
    assert not rescue._is_gone(_run("night", Running(), infrastructure_pid="elsewhere:999999999"))
    assert rescue._is_gone(_run("night", Running(), infrastructure_pid=":999999999"))
