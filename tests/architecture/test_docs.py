"""Links in the documentation lead somewhere, and the tests and commands it names are there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "infra").rglob("*.md"), *(ROOT / "flows").rglob("*.md")]
)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TEST = re.compile(r"`((?:tests/[\w/]+/)?test_\w+\.py)`")
_TARGET = re.compile(r"(?:^|`|^  ?)make ([a-z-]+)", re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {text.strip().replace(" ", "-") for text in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_there = target.exists() and target.is_relative_to(ROOT)
        if not is_there or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_and_target_that_is_named_is_there(page: Path) -> None:
    text = page.read_text()
    missing = [name for name in _TEST.findall(text) if not _find(name)]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing += [f"make {name}" for name in _TARGET.findall(text) if name not in targets]
    assert not missing


def _find(name: str) -> bool:
    if "/" in name:
        return (ROOT / name).is_file()
    return any((ROOT / "tests").rglob(name))


def test_every_decision_is_listed() -> None:
    folder = ROOT / "infra" / "docs" / "decisions"
    listed = set(re.findall(r"\((\d{4}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert listed == {page.name for page in folder.glob("0*.md")}


def test_hooks_run_what_make_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = {hook["entry"].replace(".venv/bin/", "").split()[0] for hook in hooks}
    assert entries == {"ruff", "mypy", "lint-imports"}


def test_the_shell_scripts_can_be_read() -> None:
    done = subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_fragment_of_the_changelog_is_of_a_kind_and_its_links_lead_somewhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    kinds = {kind["directory"] for kind in project["tool"]["towncrier"]["type"]}
    fragments = sorted((ROOT / "changes").iterdir())
    assert {path.suffixes[-2].lstrip(".") for path in fragments} <= kinds
    for path in fragments:
        links = [link.partition("#")[0] for link in _LINK.findall(path.read_text())]
        assert all((ROOT / link).exists() for link in links if "://" not in link), path.name
