"""Laws of the gate, on any rows: none is lost, none doubled, and the valid ones are valid."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.check import Surroundings
from expectations.suite import Suite
from expectations.suite_file import load_suite
from tasks.core.ledger import check_balance
from tasks.validate.gate import Judgement, judge

SUITE = load_suite(
    """
expectations:
  - {type: expect_column_values_to_not_be_null, column: id, on_failure: quarantine, reason: id}
  - {type: expect_column_values_to_be_unique, column: id, on_failure: quarantine, reason: twice}
  - type: expect_column_values_to_be_between
    column: price
    min_value: 0
    row_condition: paid
    mostly: 0.5
    on_failure: quarantine
    reason: price
  - type: expect_column_values_to_exist_in_table
    column: id
    table: known
    key: id
    on_failure: quarantine
    reason: unknown
  - {type: expect_column_values_to_match_regex, column: text, regex: ^a, severity: warning}
""",
    "laws.yaml",
    {},
)
KNOWN = Surroundings({"known": pl.LazyFrame({"id": [0, 1, 2, 3, 4, 5, 6]})})
SCHEMA = {
    "id": pl.Int64(),
    "price": pl.Float64(),
    "paid": pl.Boolean(),
    "text": pl.String(),
}
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(0, 9),
        st.none() | st.floats(-2, 2) | st.just(float("nan")),
        st.none() | st.booleans(),
        st.none() | st.sampled_from(["a", "b"]),
    ),
    max_size=25,
)


def judged(rows: list[tuple[object, ...]], suite: Suite = SUITE) -> Judgement:
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row").with_columns(
        _source=pl.lit("s"), _line=pl.int_range(1, len(rows) + 1, dtype=pl.Int64)
    )
    return judge("t", frame.lazy(), suite, KNOWN, max_quarantined_share=1)


def why(row: tuple[object, ...], rows: list[tuple[object, ...]]) -> list[str]:
    """The reasons by hand, in the order the gate tells them: references last."""
    number, price, paid, _ = row
    reasons = {
        "id": number is None,
        "twice": number is not None and [r[0] for r in rows].count(number) > 1,
        "price": paid is True and isinstance(price, float) and price < 0,
        "unknown": isinstance(number, int) and number > 6,
    }
    return [reason for reason, holds in reasons.items() if holds]


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_each_row_is_valid_or_held_back_for_exactly_its_reasons(
    rows: list[tuple[object, ...]],
) -> None:
    found = judged(rows)
    valid, held = found.valid.collect(), found.quarantine.collect()
    check_balance([found.ledger(is_open=True)])
    check_balance([found.ledger(is_open=False)])
    told = dict(held.select("line", "reasons").iter_rows())
    expected = {line: why(row, rows) for line, row in enumerate(rows, 1) if why(row, rows)}
    assert told == expected
    assert valid["_line"].to_list() == [n for n in range(1, len(rows) + 1) if n not in expected]
    assert found.held == held.height


@settings(max_examples=15, deadline=None)
@given(ROWS)
def test_valid_rows_judged_again_are_all_valid(rows: list[tuple[object, ...]]) -> None:
    valid = judged(rows).valid.collect()
    again = judged(valid.select(list(SCHEMA)).rows())
    assert again.held == 0
    assert again.valid.collect().select(list(SCHEMA)).equals(valid.select(list(SCHEMA)))
