"""Suites as the stage reads them: configuration errors, with their lines."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.core.errors import ConfigError
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.suites import check_file, load

ROOT = Path(__file__).parents[3]
SUITE = """
expectations:
  - {type: expect_column_values_to_be_between, column: day, min_value: $batch_date}
  - {type: expect_column_values_to_exist_in_table, column: code, table: products, key: id}
"""


def source(text: str = SUITE) -> SuiteSource:
    return SuiteSource("shop.yaml", text)


def test_a_sound_file_is_counted() -> None:
    tables = {"products": ["id"]}
    assert check_file(source(), ValidationConfig(), ["day", "code"], tables) == 2


def test_a_batch_without_a_date_gives_no_batch_date() -> None:
    with pytest.raises(ConfigError) as caught:
        load(source(), ValidationConfig(), "models")
    assert caught.value.where.startswith("shop.yaml:3")


@pytest.mark.parametrize(
    ("columns", "tables", "line"),
    [
        (["day"], None, 4),
        (["code"], None, 3),
        (["day", "code"], {"customers": ["id"]}, 4),
        (["day", "code"], {"products": ["code"]}, 4),
    ],
)
def test_what_the_suite_names_must_be_declared(
    columns: list[str], tables: dict[str, list[str]] | None, line: int
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_file(source(), ValidationConfig(), columns, tables)
    assert caught.value.where.startswith(f"shop.yaml:{line} ")


def test_a_fault_of_the_file_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError) as caught:
        check_file(source("expectations: [{type: expect_x}]"), ValidationConfig())
    assert caught.value.exit_code == 2


def test_great_expectations_is_imported_at_the_first_check_and_not_before() -> None:
    modules = "tasks.validate.suites, tasks.validate.gate, expectations.bootstrap"
    loaded = f"import sys, {modules}; print('great_expectations' in sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert told.stdout.strip() == "False"
