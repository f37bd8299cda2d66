"""The import rules that a contract by package cannot say."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("flows", "tasks", "expectations")
    for path in (ROOT / package).rglob("*.py")
)
STAGES = {"ingest", "validate", "prepare", "features", "labels", "select", "train", "score"} | {
    "report",
    "monitor",
}


def imported(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((ROOT / module).read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            yield str(node.module)
            yield from (f"{node.module}.{name.name}" for name in node.names)


def tops(module: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(module)}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_heavy_libraries_stay_in_their_rooms(module: Path) -> None:
    names, room = tops(module), module.parts
    if room[0] != "flows" and module.name != "task.py":
        assert "prefect" not in names
    if room[0] != "expectations":
        assert not names & {"great_expectations", "pandas"}
    if room[:2] not in {("tasks", stage) for stage in ("models", "select", "train", "score")}:
        assert not names & {"torch", "xgboost"}


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_only_flows_import_a_task(module: Path) -> None:
    if module.parts[0] == "flows":
        return
    own = {".".join(module.with_suffix("").parts)}
    tasks = {f"tasks.{stage}.task" for stage in STAGES} - own
    assert not tasks & set(imported(module))


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_a_stage_has_its_shape(stage: str) -> None:
    folder = ROOT / "tasks" / stage
    assert (folder / "task.py").is_file()
    docstring = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    assert docstring is not None


def test_there_is_no_drawer() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
    assert not [module for module in MODULES if module.stem in drawers]


def test_the_command_line_imports_nothing_heavy() -> None:
    code = "import sys; import flows.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    heavy = {"polars", "pydantic", "prefect", "torch", "xgboost", "great_expectations", "rich"}
    assert not heavy & set(loaded)
