"""What is told when the server that a service waits for does not answer."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from flows.service import supervisor
from flows.service.children import Child
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
