"""The pages of the documentation: generated ones are fresh, links lead somewhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.reference import pages

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_generated_pages_are_what_the_models_say(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run: python infra/reference.py"


def test_the_site_builds_without_a_broken_link(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs-material is not installed")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    command += ["--config-file", str(ROOT / "infra/mkdocs.yml"), "--site-dir", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = {path.name for path in tmp_path.glob("*.html")}
    assert {"index.html", "tutorial.html", "reference-pipeline.html"} <= pages
    assert "fonts.googleapis" not in (tmp_path / "index.html").read_text(encoding="utf-8")
