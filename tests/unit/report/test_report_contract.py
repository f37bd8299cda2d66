from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.report.contract import TABLES, VERSION
from tasks.report.document import name_type, render_markdown, signature

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
Signature = dict[str, dict[str, list[str]]]


def agreed() -> tuple[int, Signature]:
    """The latest contract that was released, and its version."""
    latest = max(int(path.stem.partition("-")[2]) for path in GOLDEN.glob("tables-*.json"))
    return latest, json.loads((GOLDEN / f"tables-{latest}.json").read_text())


def changes(old: Signature, new: Signature) -> set[tuple[str, str]]:
    """Table and column of everything that differs; the order of columns is the table's own."""
    found = set()
    for table in old.keys() | new.keys():
        before, after = old.get(table, {}), new.get(table, {})
        found |= {
            (table, column)
            for column in before.keys() | after.keys()
            if before.get(column) != after.get(column)
        }
        if [*filter(after.get, before)] != [*filter(before.get, after)]:
            found.add((table, "order"))
    return found


def told(version: int, folder: Path) -> Iterator[tuple[str, str]]:
    """The columns that fragments of the changelog name under a version: "`table`: `column`, …"."""
    for path in folder.glob(f"+tables-{version}-*.contract.md"):
        for bullet in re.split(r"^- ", path.read_text(encoding="utf-8"), flags=re.M):
            table, *columns = re.findall(r"`(\w+)`", bullet)
            yield from ((table, column) for column in columns)


def test_the_page_on_disk_is_the_contract() -> None:
    written = (ROOT / "infra/docs/tables.md").read_text(encoding="utf-8")
    assert written == render_markdown(), (
        "run: python -m tasks.report.document > infra/docs/tables.md"
    )


def test_the_contract_changes_only_with_its_version_and_the_changelog() -> None:
    """Several changes before a release share one new version; each is named in the changelog."""
    released, old = agreed()
    changed = changes(old, signature())
    assert int(VERSION) == released + bool(changed), f"changed since {released}: {sorted(changed)}"
    named = set(told(released + 1, ROOT / "changes"))
    assert changed <= named, f"changes/+tables-{released + 1}-TABLE.contract.md lacks " + "; ".join(
        f"`{table}`: `{column}`" for table, column in sorted(changed - named)
    )


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda s: s["scores"].pop("rank"), ("scores", "rank")),
        (lambda s: s["scores"].update(new=["string", "", ""]), ("scores", "new")),
        (lambda s: s["scores"].update(rank=["int64", "", ""]), ("scores", "rank")),
        (lambda s: s["scores"].update(rank=["int32", "null", ""]), ("scores", "rank")),
        (lambda s: s["scores"].update(rank=["int32", "", "percent"]), ("scores", "rank")),
        (lambda s: s["scores"].update(rank=s["scores"].pop("rank")), ("scores", "order")),
        (lambda s: s.update(new={"a": ["string", "", ""]}), ("new", "a")),
        (lambda s: s["ledger"].clear(), ("ledger", "stage")),
    ],
)
def test_every_kind_of_change_is_noticed(change, found) -> None:
    _, old = agreed()
    new = json.loads(json.dumps(old))
    change(new)
    assert found in changes(old, new)
    assert not changes(old, old)


def test_fragments_are_read_by_version_and_table(tmp_path: Path) -> None:
    (tmp_path / "+tables-3-a.contract.md").write_text("`a`: `x`, `y`\nand `z`.\n- `b`: `x`.\n")
    (tmp_path / "+tables-2-c.contract.md").write_text("`c`: `x`.\n")
    assert set(told(3, tmp_path)) == {("a", "x"), ("a", "y"), ("a", "z"), ("b", "x")}
    assert set(told(2, tmp_path)) == {("c", "x")}
    assert not set(told(4, tmp_path))


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
