"""The JSON Schema of suite files."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from expectations.suite_schema import suite_json_schema

SUITES = sorted((Path(__file__).parents[3] / "expectations" / "suites").rglob("*.yaml"))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    schema = json.loads(json.dumps(suite_json_schema()))
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("path", SUITES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_shipped_suites_fit_it(path: Path, validator: jsonschema.Draft7Validator) -> None:
    validator.validate(_typed(path))


def _typed(path: Path) -> object:
    """As an editor reads it: dates are strings, numbers are numbers."""
    return json.loads(json.dumps(yaml.safe_load(path.read_text()), default=str))


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "expect_nothing"},
        {"type": "expect_column_values_to_be_null"},
        {"type": "expect_column_values_to_be_null", "column": "a", "colum": 1},
        {"type": "expect_column_values_to_be_null", "column": "a", "severity": "fatal"},
        {"type": "expect_table_row_count_to_equal", "value": 1, "on_failure": "quarantine"},
    ],
)
def test_it_refuses_what_the_loader_refuses(
    entry: dict[str, object], validator: jsonschema.Draft7Validator
) -> None:
    assert not validator.is_valid({"expectations": [entry]})


def test_it_knows_the_expectations_of_our_own(
    validator: jsonschema.Draft7Validator,
) -> None:
    entry = {
        "type": "expect_column_values_to_exist_in_table",
        "column": "StockCode",
        "table": "products",
        "key": "stock_code",
        "on_failure": "quarantine",
    }
    assert validator.is_valid({"expectations": [entry]})
