"""The command as a user and a program call it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.flows.conftest import NIGHT, Shop

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]


def _lamplighter(*words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, cwd=cwd, env={"PYTHONPATH": str(ROOT)}
    )


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    done = _lamplighter("--help")
    assert done.returncode == 0
    for word in ("demo", "check", "run", "train", "show", "schema", "models", "130"):
        assert word in done.stdout


def test_a_night_for_a_program_is_one_json_object(shop: Shop) -> None:
    done = _lamplighter("run", str(shop.file), "--date", str(NIGHT), "--json")
    assert done.returncode == 0, done.stderr
    night = json.loads(done.stdout)
    assert night["batch_date"] == str(NIGHT)
    assert night["alerts"] == 10
    shown = _lamplighter(
        "show", "alerts", "--pipeline", str(shop.file), "--json", "--rows", "3"
    ).stdout.splitlines()
    assert [json.loads(line)["rank"] for line in shown] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("run", "nope", "--date", "2010-01-04"), 2, "none called 'nope'"),
        (("run", "retail", "--date", "yesterday"), 2, "2010-07-05"),
        (("run", "retail", "--dates", "2010-01-04"), 2, "--date"),
        (("dream",), 2, "No such command"),
        (("check", "nowhere.yaml"), 2, "nowhere.yaml"),
        (("run", "retail", "--date", "2010-01-05"), 2, "PRODUCTS_URL"),
    ],
)
def test_what_is_wrong_is_told_with_its_code(
    words: tuple[str, ...], code: int, told: str, tmp_path: Path
) -> None:
    done = _lamplighter(*words, cwd=tmp_path)
    assert done.returncode == code
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_an_error_for_a_program_is_json_too(tmp_path: Path) -> None:
    done = _lamplighter("check", "nowhere.yaml", "--json", cwd=tmp_path)
    error = json.loads(done.stdout)
    assert error["error"] == "ConfigError"
    assert error["exit_code"] == done.returncode == 2
    assert {"required", "found", "where", "do"} <= error.keys()


def test_the_schema_is_json_schema() -> None:
    schema = json.loads(_lamplighter("schema").stdout)
    assert {"name", "sources", "event", "features", "model"} <= schema["properties"].keys()
    assert json.loads(_lamplighter("schema", "suite").stdout)


def test_an_interrupted_night_publishes_nothing_and_can_be_run_again(shop: Shop) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", str(shop.file), "--date", str(NIGHT)],
        env={"PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )
    staging = shop.store.root / "staging/retail" / str(NIGHT)
    deadline = time.monotonic() + 60
    while not staging.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "interrupted" in told
    assert not (shop.store.root / f"commits/retail/{NIGHT}.json").exists()
    assert shop.run().alerts == 10


def test_a_killed_night_can_be_run_again(shop: Shop) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", str(shop.file), "--date", str(NIGHT)], env={"PYTHONPATH": str(ROOT)}
    )
    staging = shop.store.root / "staging/retail" / str(NIGHT)
    deadline = time.monotonic() + 60
    while not list(staging.glob("*/scores")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert shop.run().alerts == 10
    assert not list((shop.store.root / "staging").rglob("*.parquet"))
