"""Mending rows that were held back, and running their night again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl
import pytest

from tasks.core import quarantine
from tasks.core.artifacts import Landed, Quarantined, Ref
from tasks.core.commit import open_run
from tasks.core.errors import ConfigError, DataError
from tasks.core.ledger import check_balance
from tasks.core.results import Ingested, LedgerLine, Validated
from tasks.core.run import Run
from tasks.core.store import Store, table_uri
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.held import count_by_reason, find
from tasks.validate.mends import Mended, merge, read_mends
from tasks.validate.task import mend, validate

SOURCE = "drops/orders.csv"
SUITE = {
    "orders": SuiteSource(
        "orders.yaml",
        "expectations:\n"
        "  - {type: expect_column_values_to_be_between, column: price, min_value: 0,"
        " on_failure: quarantine, reason: negative price}\n",
    )
}


@pytest.fixture
def run(store: Store) -> Iterator[Run]:
    with open_run(store, "shop", "2010-01-04", "attempt") as held:
        yield held


def ingested(run: Run, prices: tuple[float, ...] = (1.0, -2.0, 4.0)) -> Ingested:
    """Lines 1, 2 and 4 landed; line 3 was held back by ingest."""
    rows = pl.DataFrame(
        {"id": ["a1", "a2", "a4"], "price": prices, "_source": [SOURCE] * 3, "_line": [1, 2, 4]}
    )
    held = pl.DataFrame(
        [("ingest", "orders", SOURCE, 3, ["price: not a number"], '{"id":"a3","price":"x"}')],
        schema=quarantine.SCHEMA,
        orient="row",
    )
    uri = table_uri("quarantine", "shop", "orders", run.batch, "ingest.parquet")
    return Ingested(
        run.write_table(Landed, rows, table_uri("landed", "shop", "orders", run.batch)),
        run.write_table(Quarantined, held, uri),
        LedgerLine("ingest", "orders", 4, 3, 1),
    )


def night(run: Run, source: Ingested) -> tuple[Validated, pl.DataFrame]:
    """Validate, check the whole ledger, and list what is held back."""
    config = ValidationConfig(max_quarantined_share=1)
    validated = validate(run, config, SUITE, {"orders": source.table})
    check_balance([source.ledger, *validated.ledger])
    refs = [*([source.quarantine] if source.quarantine else []), *validated.quarantine]
    empty = pl.DataFrame(schema=quarantine.SCHEMA)
    return validated, pl.concat([empty, *(run.scan(ref).collect() for ref in refs)])


def rows(held: pl.DataFrame, **mended: dict[str, object]) -> str:
    """The held rows as a user would send them back, mended by their id."""
    lines = []
    for row in held.to_dicts():
        raw = json.loads(row["raw"])
        lines.append(json.dumps({**row, "raw": {**raw, **mended.get(raw["id"], {})}}))
    return "\n".join(lines)


def kept(run: Run, mends: pl.DataFrame) -> Ref[Mended]:
    return run.write_table(Mended, mends, "mends/shop/rows/batch_date=2010-01-04/part-0.parquet")


def test_mended_rows_return_to_their_places_and_the_ledger_balances(run: Run) -> None:
    source = ingested(run)
    _, held = night(run, source)
    assert held["line"].to_list() == [3, 2]
    text = rows(held, a2={"price": 2.5}, a3={"price": 3})
    mended = mend(run, "orders", source, kept(run, read_mends(text, held, "rows.ndjson")))
    assert mended.ledger == LedgerLine("ingest", "orders", 4, 4, 0)
    assert mended.quarantine is None
    validated, held = night(run, mended)
    valid = run.scan(validated.tables["orders"]).collect()
    assert valid.select("id", "price", "_line").rows() == [
        ("a1", 1.0, 1),
        ("a2", 2.5, 2),
        ("a3", 3.0, 3),
        ("a4", 4.0, 4),
    ]
    assert held.height == 0


def test_a_row_mended_badly_is_held_back_again_and_can_be_mended_again(run: Run) -> None:
    source = ingested(run)
    _, held = night(run, source)
    first = read_mends(rows(held, a3={"price": -3}), held, "rows.ndjson")
    assert first["line"].to_list() == [3]
    _, held = night(run, mend(run, "orders", source, kept(run, first)))
    assert held.filter(stage="validate")["line"].to_list() == [2, 3]
    second = merge(first, read_mends(rows(held, a3={"price": 3}), held, "rows.ndjson"))
    assert second.select("stage", "line", "was").rows() == [
        ("ingest", 3, '{"id":"a3","price":"x"}')
    ]
    _, held = night(run, mend(run, "orders", source, kept(run, second)))
    assert held["line"].to_list() == [2]


def test_mends_of_other_tables_leave_a_source_as_it_was(run: Run) -> None:
    source = ingested(run)
    _, held = night(run, source)
    mends = read_mends(rows(held, a2={"price": 2}), held, "rows.ndjson")
    other = mends.with_columns(table=pl.lit("products"))
    assert mend(run, "orders", source, kept(run, other)) is source


def test_a_mend_whose_row_changed_in_the_source_stops_the_night(run: Run) -> None:
    source = ingested(run)
    _, held = night(run, source)
    mends = kept(run, read_mends(rows(held, a2={"price": 2}), held, "rows.ndjson"))
    with pytest.raises(DataError) as caught:
        mend(run, "orders", ingested(run, (1.0, -7.0, 4.0)), mends)
    assert "0 gone and 1 changed" in caught.value.found
    assert caught.value.where == f"orders, {SOURCE}, line 2"


def test_a_mend_that_does_not_fit_the_types_is_refused_without_its_value(run: Run) -> None:
    source = ingested(run)
    _, held = night(run, source)
    text = rows(held, a2={"price": "canary"})
    with pytest.raises(DataError) as caught:
        mend(run, "orders", source, kept(run, read_mends(text, held, "rows.ndjson")))
    assert caught.value.found == "row 1: price is no Float64"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{", "no JSON"),
        ("[]", "a list"),
        ('{"table": "orders", "source": "x"}', "no line, raw"),
        ('{"table": "orders", "source": "x", "line": 2, "raw": "a;b"}', "str"),
        ('{"table": "orders", "source": "x", "line": 2, "raw": {}}', "orders, x, line 2"),
    ],
)
def test_a_line_that_names_no_held_row_is_refused(run: Run, line: str, found: str) -> None:
    _, held = night(run, ingested(run))
    with pytest.raises(ConfigError) as caught:
        read_mends("\n" + line, held, "rows.ndjson")
    assert caught.value.where == "rows.ndjson:2"
    assert found in caught.value.found


def test_a_row_is_mended_once_in_a_file(run: Run) -> None:
    _, held = night(run, ingested(run))
    text = rows(held, a2={"price": 2})
    with pytest.raises(ConfigError, match="again"):
        read_mends(f"{text}\n{text}", held, "rows.ndjson")


def test_held_rows_are_counted_by_reason_and_found(run: Run) -> None:
    _, held = night(run, ingested(run))
    assert count_by_reason(held.lazy()).rows() == [
        ("ingest", "orders", "price: not a number", 1),
        ("validate", "orders", "negative price", 1),
    ]
    found = find(held.lazy(), table="orders", reason="negative price").collect()
    assert found["line"].to_list() == [2]
    assert find(held.lazy(), stage="ingest").collect()["line"].to_list() == [3]
    assert find(held.lazy()).collect().height == 2
