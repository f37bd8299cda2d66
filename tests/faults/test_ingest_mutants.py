"""Whatever happens to a file on its way: no row of it comes or goes unseen."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import polars as pl
import pytest

from tasks.core.errors import LamplighterError
from tasks.ingest.config import FilesConfig
from tasks.ingest.files import read_files
from tasks.ingest.parts import Part
from tests.faults.mutants import DAMAGES, KINDS, ROWS, SCHEMA, TABLE, Kind

SEEDS = 4
LONG_SEEDS = 150


def _read(kind: Kind, folder: Path) -> list[Part] | None:
    """The parts of a file; None where it is refused."""
    path = "*" if kind.beside else kind.name
    declared = {"kind": "files", "path": path, "schema": SCHEMA, **kind.source}
    try:
        return list(read_files(FilesConfig.model_validate(declared), dt.date(2010, 1, 4), folder))
    except LamplighterError:
        return None


def _lines(parts: list[Part]) -> int:
    """Lines that landed rows and held records take."""
    texts = [part.rows.select(pl.col(pl.String).fill_null("")) for part in parts]
    inside = sum(
        int(text.select(pl.sum_horizontal(pl.all().str.count_matches("\n")).sum()).item() or 0)
        for text in texts
        if text.width
    )
    held = sum(one.raw.count("\n") + 1 for part in parts for one in part.held)
    return sum(part.rows.height for part in parts) + inside + held


def _expected_lines(kind: Kind, content: bytes) -> int:
    """Lines of a text that cannot be passed over: those that are not blank, less the header."""
    filled = sum(1 for line in content.split(b"\n") if line.strip(b"\r \t"))
    return filled - (kind.name.endswith(("csv", "tsv")) and filled > 0)


def _is_said_to_be_cut(kind: Kind, parts: list[Part]) -> bool:
    """Several streams that end where one of them does are whole; only the last line tells."""
    reasons = [reason for part in parts for one in part.held for reason in one.reasons]
    return ".csv." in kind.name and any("may be cut short" in reason for reason in reasons)


def check(kind: Kind, damage: str, seed: int, folder: Path) -> str:
    """Damage a file, read it, and hold that nothing came or went unseen."""
    whole = kind.make()
    content = DAMAGES[damage](whole, random.Random(f"{kind.name} {damage} {seed}"))
    (folder / kind.name).write_bytes(content)
    for name, beside in kind.beside.items():
        (folder / name).write_bytes(beside)
    parts = _read(kind, folder)
    if parts is None:
        return "refused"
    seen = sum(part.seen for part in parts)
    taken, held = sum(p.rows.height for p in parts), sum(len(p.held) for p in parts)
    assert seen == taken + held
    if kind.sealed and not (damage == "twice" and ".csv." in kind.name):
        assert seen == ROWS or _is_said_to_be_cut(kind, parts)
    elif kind.name.endswith("json") and not kind.name.endswith("ndjson"):
        assert content == whole or seen >= content.count(b'"id"')
    elif not kind.name.endswith("zst"):
        assert _lines(parts) >= _expected_lines(kind, content)
    rows = pl.concat([part.rows for part in parts]) if parts else TABLE.clear()
    return "as it was" if rows.height == ROWS else "held back"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_row_comes_or_goes_unseen(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / kind.name).write_bytes(kind.make())
    for name, content in kind.beside.items():
        (tmp_path / name).write_bytes(content)
    whole = _read(kind, tmp_path)
    assert whole is not None
    assert sum(part.rows.height for part in whole) == ROWS
    for damage in DAMAGES:
        for seed in range(SEEDS):
            check(kind, damage, seed, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_row_of_many_comes_or_goes_unseen(kind: Kind, tmp_path: Path) -> None:
    for damage in DAMAGES:
        for seed in range(SEEDS, LONG_SEEDS):
            check(kind, damage, seed, tmp_path)
