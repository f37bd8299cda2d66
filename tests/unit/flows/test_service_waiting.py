"""What is told when the server that a service waits for does not answer."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flows.service import catching_up, rescue, supervisor
from flows.service.children import Child
from flows.service.identity import Identity
from tasks.core.errors import SourceUnavailableError

NOBODY = "http://127.0.0.1:1/api"


def test_a_server_that_was_joined_and_does_not_answer_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody is told to choose another --port for a server that they did not start."""
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.0)
    with pytest.raises(SourceUnavailableError, match="unset PREFECT_API_URL"):
        supervisor._wait_for_server(NOBODY, [], threading.Event())


def test_a_server_of_ones_own_has_a_log_to_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.0)
    server = Child("server", ("server", "start"), tmp_path / "server.log")
    with pytest.raises(SourceUnavailableError, match="another --port"):
        supervisor._wait_for_server(NOBODY, [server], threading.Event())


def test_who_waits_is_let_go_when_told_to_end() -> None:
    ending = threading.Event()
    ending.set()
    with pytest.raises(SystemExit):
        supervisor._wait_for_server(NOBODY, [], ending)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(catching_up, "catch_up", lambda *_: ())


def test_children_are_kept_alive_while_a_server_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick: None
) -> None:
    asked, ending, started = threading.Event(), threading.Event(), []

    def look(_: rescue.Rescue) -> list[str]:
        asked.set()
        ending.wait()  # as long as the service lasts
        return []

    def keep_alive() -> bool:
        started.append(asked.is_set())
        if sum(started) > 10:
            ending.set()
        return True

    monkeypatch.setattr(rescue.Rescue, "look", look)
    server: Any = SimpleNamespace(name="server", keep_alive=keep_alive)
    supervisor._watch([server], ending, Identity("shop", "1f", tmp_path), ())
    assert sum(started) > 10


def test_what_nobody_foresaw_ends_the_supervisor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, quick: None
) -> None:
    def look(_: rescue.Rescue) -> list[str]:
        raise KeyError("a mistake of ours")

    monkeypatch.setattr(rescue.Rescue, "look", look)
    with pytest.raises(KeyError, match="a mistake of ours"):
        supervisor._watch([], threading.Event(), Identity("shop", "1f", tmp_path), ())
