"""What `lamplighter up` refuses, before it starts anything."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from flows.pipeline import SHIPPED
from tests.flows.serving import lamplighter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a pipeline file, which must have nothing else in the end."""
    shutil.copy(SHIPPED / "retail.yaml", tmp_path)
    return tmp_path


def test_what_is_wrong_is_told_before_anything_starts(tmp_path: Path) -> None:
    empty = lamplighter("up", "--folder", str(tmp_path))
    assert empty.returncode == 2
    assert "a pipeline file" in empty.stderr
    assert not (tmp_path / ".lamplighter").exists()
    assert "nothing is up" in lamplighter("down", "--folder", str(tmp_path)).stdout
    (tmp_path / "wrong.yaml").write_text("name: Wrong!\nsources: {}\nevent: {}\n")
    wrong = lamplighter("up", "--folder", str(tmp_path))
    assert wrong.returncode == 2
    assert "wrong.yaml" in wrong.stderr


def test_others_are_let_in_only_with_a_password(folder: Path) -> None:
    words = "--folder", str(folder), "--host", "0.0.0.0", "--no-password"
    done = lamplighter("up", *words)
    assert done.returncode == 2
    assert "Leave --no-password out" in done.stderr
    given = lamplighter("up", *words, PREFECT_SERVER_API_AUTH_STRING="u:p")
    assert given.returncode == 2
    assert "leave one of them out" in given.stderr
    assert not (folder / ".lamplighter").exists()


def test_a_port_that_is_taken_is_told(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = lamplighter("up", "--folder", str(folder), "--port", port)
    assert done.returncode == 2
    assert "a free port" in done.stderr
    assert not (folder / ".lamplighter").exists()
