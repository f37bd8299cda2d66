from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.report.contract import TABLES, VERSION
from tasks.report.document import name_type, render_markdown, signature

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def test_the_page_on_disk_is_the_contract() -> None:
    written = (ROOT / "infra/docs/tables.md").read_text(encoding="utf-8")
    assert written == render_markdown(), (
        "run: python -m tasks.report.document > infra/docs/tables.md"
    )


def test_the_contract_changes_only_with_its_version() -> None:
    """To change it: raise VERSION, say so in CHANGELOG.md, and write contract-VERSION.json."""
    agreed = json.loads((HERE / f"contract-{VERSION}.json").read_text())
    assert signature() == agreed


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_every_column_is_explained(table) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    for column in table.columns:
        assert column.meaning.endswith("."), column.name
        assert column.example or column.nullable, column.name
        assert name_type(column.dtype)


def test_every_row_of_the_page_has_as_many_cells_as_its_head() -> None:
    rows = [line for line in render_markdown().splitlines() if line.startswith("| `")]
    for row in rows:
        assert row.replace("\\|", "").count("|") in (3, 7), row
