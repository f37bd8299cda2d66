"""`lamplighter check` verifies what suites say of other tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.commands import check
from flows.pipeline import SHIPPED
from tasks.core.errors import ConfigError

REFERENCE = (
    "expectations:\n"
    "  - {type: expect_column_values_to_exist_in_table, column: StockCode, table: %s, key: %s}\n"
)


@pytest.mark.parametrize(
    ("table", "key", "found"),
    [
        ("product", "stock_code", "'product'; did you mean 'products'?"),
        ("products", "stockcode", "'stockcode'; did you mean 'stock_code'?"),
    ],
)
def test_a_reference_to_what_is_not_declared_is_refused_with_its_line(
    table: str, key: str, found: str, tmp_path: Path
) -> None:
    shutil.copy(SHIPPED / "retail.yaml", tmp_path)
    suite = tmp_path / "expectations" / "retail" / "lines.yaml"
    suite.parent.mkdir(parents=True)
    suite.write_text(REFERENCE % (table, key))
    with pytest.raises(ConfigError) as caught:
        check(str(tmp_path / "retail.yaml"), as_json=True)
    assert found in caught.value.found
    assert f"{suite}:2" in caught.value.where


def test_the_shipped_pipelines_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("retail", "intrusion"):
        check(str(SHIPPED / f"{name}.yaml"), as_json=True)
        assert f'"pipeline": "{name}"' in capsys.readouterr().out
