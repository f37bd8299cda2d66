"""What was observed of a table, as text, where it is no value of a row."""

from __future__ import annotations

from typing import Any

# A minimum, a median or a set of distinct values would repeat what stands in single rows.
_OF_THE_WHOLE = {
    "expect_column_kl_divergence_to_be_less_than",
    "expect_column_mean_to_be_between",
    "expect_column_proportion_of_non_null_values_to_be_between",
    "expect_column_proportion_of_unique_values_to_be_between",
    "expect_column_stdev_to_be_between",
    "expect_column_sum_to_be_between",
    "expect_column_type_to_be",
    "expect_column_unique_value_count_to_be_between",
    "expect_column_values_to_be_in_type_list",
    "expect_column_values_to_be_of_type",
    "expect_table_column_count_to_be_between",
    "expect_table_column_count_to_equal",
    "expect_table_columns_to_match_ordered_list",
    "expect_table_columns_to_match_set",
    "expect_table_row_count_to_be_between",
    "expect_table_row_count_to_equal",
    "unexpected_rows_expectation",
}
WITHHELD = "withheld: a value of rows"


def describe(kind: str, value: Any) -> str:
    """Write an observed value in at most six digits: the last ones of a float sum vary.

    Args:
        kind: the name of the expectation.
        value: what Great Expectations observed; None where it observes nothing.
    """
    if value is None:
        return ""
    if kind not in _OF_THE_WHOLE:
        return WITHHELD
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple, set, frozenset)):
        ordered = value if isinstance(value, (list, tuple)) else sorted(value)
        return ", ".join(map(str, ordered))
    return str(value)
