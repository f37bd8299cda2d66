"""The tutorial, run as it is read."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from flows.cli import cli

PAGE = Path(__file__).parents[2] / "infra/docs/tutorial.md"
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)


def _blocks() -> list[tuple[str, str, str]]:
    """Language, title and content of each block that is to be run or saved, in order."""
    found = [(b[1], b[2].strip(), b[3]) for b in _BLOCK.finditer(PAGE.read_text())]
    return [block for block in found if block[1] != "no-run"]


def _run(line: str) -> str:
    """One command as a shell would run it: ours in this process, others in their own."""
    if not line.startswith("lamplighter "):
        line = line.replace("python ", f"{shlex.quote(sys.executable)} ", 1)
        subprocess.run(line, shell=True, check=True)
        return ""
    words = [
        str(path)
        for word in shlex.split(line)[1:]
        for path in (sorted(Path().glob(word)) if "*" in word else [word])
    ]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def _scores(day: str) -> bytes:
    folder = Path(f"lamplighter-store/reports/payments/scores/batch_date={day}")
    return next(folder.glob("*.parquet")).read_bytes()


def test_every_block_of_the_tutorial_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told: dict[str, list[str]] = {}
    twice = []
    for language, title, content in _blocks():
        if title:
            Path(title.removeprefix('title="').removesuffix('"')).write_text(content)
            continue
        assert language == "console"
        for line in content.splitlines():
            told.setdefault(line[2:], []).append(_run(line.removeprefix("$ ")))
            if line == "$ lamplighter run payments --date 2026-02-11":
                twice.append(_scores("2026-02-11"))

    assert len(list(Path("drops").iterdir())) == 50
    assert "payments is in order" in told["lamplighter check payments.yaml"][0]
    assert twice[0] == twice[1]
    assert "1 quarantined" in told["lamplighter run payments --date 2026-02-12"][0]
    assert "'a lot' is not f64" in told["lamplighter quarantine list payments"][0]
    mended = Path("lamplighter-store/reports/payments/scores/batch_date=2026-02-12")
    assert pl.read_parquet(mended, hive_partitioning=False).height == 800
    realised = pl.read_parquet("lamplighter-store/reports/payments/realised/*/*.parquet")
    assert realised["known"].to_list() == [800, 800]
    assert realised["alerts"].sum() == 16
    assert realised["hits"].sum() > 10
