"""The gate over a run: what passes, what is held back, what stops the night."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tasks.core.artifacts import Landed, Ref
from tasks.core.commit import open_run
from tasks.core.errors import ConfigError, GateClosedError
from tasks.core.ledger import check_balance
from tasks.core.results import Validated
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.errors import ValidationFailedError
from tasks.validate.task import validate

CANARY = "canary-4711"
ORDERS = {
    "id": ["a1", "a2", None, "a4", "a5"],
    "price": [1.0, -2.0, -3.0, 4.0, 5.0],
    "who": ["x", "y", CANARY, "z", "x"],
}


@pytest.fixture
def run(store: Store) -> Iterator[Run]:
    with open_run(store, "shop", "2010-01-04", "attempt") as held:
        yield held


def landed(run: Run, name: str, columns: Mapping[str, list[Any]]) -> Ref[Landed]:
    rows = pl.DataFrame(columns)
    origin = {
        "_source": pl.lit("drops/orders.csv"),
        "_line": pl.int_range(1, rows.height + 1, dtype=pl.Int64),
    }
    uri = table_uri("landed", run.pipeline, name, run.batch)
    return run.write_table(Landed, rows.with_columns(**origin), uri)


def suite(*entries: str) -> dict[str, SuiteSource]:
    listed = "\n".join(f"  - {{{entry}}}" for entry in entries)
    return {"orders": SuiteSource("shop/orders.yaml", f"expectations:\n{listed}\n")}


NO_ID = (
    "type: expect_column_values_to_not_be_null, column: id, on_failure: quarantine, reason: no id"
)
NEGATIVE = (
    "type: expect_column_values_to_be_between, column: price, min_value: 0,"
    " on_failure: quarantine, reason: negative price"
)
LOOSE = ValidationConfig(max_quarantined_share=0.5)


def passed(run: Run, *entries: str, config: ValidationConfig = LOOSE) -> Validated:
    return validate(run, config, suite(*entries), {"orders": landed(run, "orders", ORDERS)})


def stopped(run: Run, *entries: str, config: ValidationConfig = LOOSE) -> ValidationFailedError:
    with pytest.raises(ValidationFailedError) as caught:
        passed(run, *entries, config=config)
    return caught.value


def test_exactly_the_failing_rows_are_held_back_with_every_reason_and_their_origin(
    run: Run,
) -> None:
    validated = passed(run, NO_ID, NEGATIVE)
    valid = run.scan(validated.tables["orders"]).collect()
    assert valid["_line"].to_list() == [1, 4, 5]
    assert valid.columns == ["id", "price", "who", "_source", "_line"]
    (ref,) = validated.quarantine
    assert ref.uri == "quarantine/shop/orders/batch_date=2010-01-04/validate.parquet"
    held = run.scan(ref).collect().to_dicts()
    assert [(row["source"], row["line"], row["reasons"]) for row in held] == [
        ("drops/orders.csv", 2, ["negative price"]),
        ("drops/orders.csv", 3, ["no id", "negative price"]),
    ]
    assert json.loads(held[1]["raw"]) == {"id": None, "price": -3.0, "who": CANARY}
    check_balance(validated.ledger)
    assert (validated.ledger[0].rows_in, validated.ledger[0].quarantined) == (5, 2)


def test_rows_are_held_back_also_where_mostly_lets_the_expectation_pass(run: Run) -> None:
    validated = passed(run, f"{NEGATIVE}, mostly: 0.1")
    assert validated.ledger[0].quarantined == 2
    assert run.scan(validated.quality).collect()["success"].to_list() == [True]


def test_a_table_without_a_suite_passes_whole(run: Run) -> None:
    ref = landed(run, "products", {"code": ["p1", "p2"]})
    validated = validate(run, ValidationConfig(), {}, {"products": ref})
    valid = validated.tables["products"]
    assert valid.uri == "valid/shop/products/batch_date=2010-01-04/part-0.parquet"
    assert run.scan(valid).collect().equals(run.scan(ref).collect())
    assert (valid.rows, validated.quarantine) == (2, ())
    assert run.scan(validated.quality).collect().height == 0


def test_an_empty_table_passes_rules_about_rows(run: Run) -> None:
    ref = landed(run, "orders", {"id": [], "price": [], "who": []})
    validated = validate(run, ValidationConfig(), suite(NO_ID), {"orders": ref})
    assert validated.tables["orders"].rows == 0


def test_warnings_are_recorded_and_stop_nothing(run: Run) -> None:
    validated = passed(
        run, "type: expect_table_row_count_to_equal, value: 3, severity: warning, notes: three"
    )
    assert run.scan(validated.quality).collect().to_dicts() == [
        {
            "table": "orders",
            "expectation": "expect_table_row_count_to_equal",
            "columns": "",
            "severity": "warning",
            "blocking": False,
            "success": False,
            "observed_value": "5",
            "element_count": None,
            "unexpected_count": None,
            "unexpected_percent": None,
            "notes": "three",
        }
    ]


def test_a_critical_failure_that_holds_no_rows_back_stops_the_night(run: Run) -> None:
    error = stopped(
        run, NO_ID, "type: expect_column_values_to_be_between, column: price, min_value: 0"
    )
    assert isinstance(error, GateClosedError)
    assert "orders: expect_column_values_to_be_between(price): 2 of 5 rows break it" in error.found
    assert "[shop/orders.yaml:3]" in error.found
    (line,) = error.ledger
    check_balance(error.ledger)
    assert (line.rows_out, line.quarantined, line.rejected) == (0, 1, {"the gate closed": 4})
    assert run.scan(error.quality).collect()["success"].to_list() == [False, False]
    assert error.quarantine[0].rows == 1


def test_too_large_a_share_held_back_stops_the_night(run: Run) -> None:
    error = stopped(run, NEGATIVE, config=ValidationConfig(max_quarantined_share=0.39))
    assert "2 of 5 rows would be held back, 40.0%, over 39.0%" in error.found


def test_the_share_itself_may_be_held_back(run: Run) -> None:
    config = ValidationConfig(max_quarantined_share=0.4)
    assert passed(run, NEGATIVE, config=config).ledger[0].quarantined == 2


@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_a_check_that_cannot_be_made_stops_the_night_whatever_its_severity(
    run: Run, severity: str
) -> None:
    error = stopped(
        run,
        f"type: expect_column_mean_to_be_between, column: who, min_value: 1, severity: {severity}",
    )
    assert "could not be checked" in error.found
    (row,) = run.scan(error.quality).collect().to_dicts()
    assert row["observed_value"].startswith("not checked: ")
    assert row["success"] is False


def test_a_row_blocking_check_that_cannot_be_made_stops_the_night(run: Run) -> None:
    pattern = "type: expect_column_values_to_match_regex, column: who, regex: '(?=a)'"
    error = stopped(run, NO_ID, f"{pattern}, on_failure: quarantine")
    assert "look-around" in error.found
    assert error.ledger[0].quarantined == 1


def test_every_table_is_told_before_the_gate_closes(run: Run) -> None:
    tables = {
        "orders": landed(run, "orders", ORDERS),
        "products": landed(run, "products", {"code": ["p1"]}),
    }
    full = "expectations: [{type: expect_table_row_count_to_equal, value: 9}]"
    suites = {name: SuiteSource(f"{name}.yaml", full) for name in tables}
    with pytest.raises(ValidationFailedError) as caught:
        validate(run, ValidationConfig(), suites, tables)
    assert caught.value.where == "orders, products"
    assert run.scan(caught.value.quality).collect()["table"].to_list() == ["orders", "products"]


def test_a_table_may_refer_to_another(run: Run) -> None:
    tables = {
        "orders": landed(run, "orders", ORDERS),
        "people": landed(run, "people", {"name": ["x", "y", "z"]}),
    }
    reference = (
        "type: expect_column_values_to_exist_in_table, column: who, table: people, key: name,"
        " on_failure: quarantine, reason: nobody"
    )
    validated = validate(run, LOOSE, suite(reference), tables)
    assert run.scan(validated.quarantine[0]).collect()["reasons"].to_list() == [["nobody"]]
    assert validated.tables["orders"].rows == 4


def test_a_fault_of_the_suite_is_a_configuration_error_with_its_line(run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        passed(run, NO_ID.replace("column: id", "column: idd"))
    assert caught.value.where.startswith("shop/orders.yaml:2")
    assert "did you mean 'id'" in caught.value.found


def test_the_batch_date_and_the_pipelines_parameters_reach_the_suite(run: Run) -> None:
    rows = landed(run, "orders", {"day": ["2010-01-04"], "country": ["France"]})
    entries = (
        "type: expect_column_values_to_be_in_set, column: country, value_set: $countries",
        "type: expect_column_values_to_be_in_set, column: country, value_set: [$batch_date]",
    )
    config = ValidationConfig(parameters={"countries": ("France",)})
    with pytest.raises(ValidationFailedError) as caught:
        validate(run, config, suite(*entries), {"orders": rows})
    assert caught.value.found.count("rows break it") == 1


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    def digests(root: Path) -> list[tuple[str, str]]:
        with open_run(Store(root), "shop", "2010-01-04", "attempt") as run:
            validated = passed(run, NO_ID, NEGATIVE)
            refs = [*validated.tables.values(), *validated.quarantine, validated.quality]
            return [(ref.uri, ref.sha256) for ref in refs]

    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_no_value_of_a_row_leaves_the_gate_but_in_quarantine(
    run: Run, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    error = stopped(
        run,
        NO_ID,
        "type: expect_column_values_to_match_regex, column: who, regex: '^.$'",
        "type: expect_column_values_to_be_in_set, column: who, value_set: [x]",
        "type: expect_column_max_to_be_between, column: who, max_value: 1",
        "type: expect_column_most_common_value_to_be_in_set, column: who, value_set: [q]",
        "type: expect_column_distinct_values_to_equal_set, column: who, value_set: [q]",
        "type: expect_column_values_to_be_dateutil_parseable, column: who",
        "type: expect_column_values_to_be_json_parseable, column: who",
        "type: unexpected_rows_expectation, unexpected_rows_query:"
        " 'select * from {batch} where price < 0'",
        "type: unexpected_rows_expectation, unexpected_rows_query:"
        " 'select cast(who as integer) from {batch}'",
    )
    told = [str(error), repr(error), repr(error.args), repr(error.__cause__), caplog.text]
    told += [*capfd.readouterr(), str(run.scan(error.quality).collect().to_dicts())]
    told += [repr(error.ledger)]
    assert error.found.count("could not be checked") >= 2
    assert not [text for text in told if CANARY in text]
