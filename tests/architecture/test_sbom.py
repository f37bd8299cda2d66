"""The bill of materials is whole, pinned, and of licences that a user accepts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    command = [sys.executable, "infra/sbom.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"licences that are not on the list: {done.stderr}"
    return dict(json.loads(done.stdout))


def test_every_part_is_pinned_as_it_is_installed(bill: dict[str, Any]) -> None:
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.M))
    pins = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins.items()}
    parts = {part["name"]: part["version"].partition("+")[0] for part in bill["components"]}
    assert len(parts) > 80
    unpinned = {name: version for name, version in parts.items() if name not in pins}
    assert not unpinned
    differing = {name: v for name, v in parts.items() if pins[name].partition("+")[0] != v}
    assert not differing


def test_every_reference_is_there_and_every_licence_is_told(bill: dict[str, Any]) -> None:
    refs = {part["bom-ref"] for part in (bill["metadata"]["component"], *bill["components"])}
    assert len(refs) == len(bill["components"]) + 1
    assert {one["ref"] for one in bill["dependencies"]} == refs
    assert {ref for one in bill["dependencies"] for ref in one["dependsOn"]} <= refs
    told = [part["licenses"][0]["license"]["name"] for part in bill["components"]]
    assert "unknown" not in told
