"""Every expectation that both engines know, over every kind of column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

CONDITIONS: dict[str, Any] = {
    "equal": Column("word") == "a",
    "not_equal": Column("key") != 3,
    "less": Column("other") < 0.5,
    "greater_and_in": (Column("key") > 10) & (Column("word").is_in(["a", "b", "zz"])),
    "or_null": (Column("key") <= 5) | (Column("real").is_null()),
    "not_null": Column("real").is_not_null(),
    "not_in": Column("key").is_not_in([1, 2, 3]),
    "at_least": Column("real") >= 0.0,
}


def row_rules(**kw: Any) -> Iterator[Expectation]:
    """Expectations that judge rows."""
    for column in ("whole", "real", "word", "level", "flag", "moment", "day", "price", "void"):
        yield gxe.ExpectColumnValuesToNotBeNull(column=column, **kw)
        yield gxe.ExpectColumnValuesToBeNull(column=column, **kw)
        yield gxe.ExpectColumnValuesToBeUnique(column=column, **kw)
    yield gxe.ExpectColumnValuesToBeUnique(column="id", **kw)
    yield gxe.ExpectColumnValuesToBeInSet(column="word", value_set=["a", "b"], **kw)
    yield gxe.ExpectColumnValuesToBeInSet(column="level", value_set=["low", "mid"], **kw)
    yield gxe.ExpectColumnValuesToBeInSet(column="whole", value_set=[1, 2, 3.0, "4"], **kw)
    yield gxe.ExpectColumnValuesToBeInSet(column="flag", value_set=[True], **kw)
    yield gxe.ExpectColumnValuesToBeInSet(column="real", value_set=[0.5, 1], **kw)
    yield gxe.ExpectColumnValuesToBeInSet(column="key", value_set=["1", 2, 2.5], **kw)
    yield gxe.ExpectColumnValuesToNotBeInSet(column="word", value_set=["zz", 1], **kw)
    yield gxe.ExpectColumnValuesToNotBeInSet(column="key", value_set=[3, 4], **kw)
    yield gxe.ExpectColumnValuesToNotBeInSet(column="moment", value_set=["2024-01-05 03:00"], **kw)
    yield gxe.ExpectColumnValuesToBeBetween(column="real", min_value=-1, max_value=1, **kw)
    yield gxe.ExpectColumnValuesToBeBetween(column="whole", min_value=2, strict_min=True, **kw)
    yield gxe.ExpectColumnValuesToBeBetween(
        column="key", min_value=5, max_value=30, strict_max=True, **kw
    )
    yield gxe.ExpectColumnValuesToBeBetween(
        column="moment", min_value="2024-01-03", max_value="2024-02-01", **kw
    )
    yield gxe.ExpectColumnValuesToBeBetween(
        column="moment", min_value=dt.datetime(2024, 1, 3), **kw
    )
    yield gxe.ExpectColumnValuesToBeBetween(column="day", min_value=dt.date(2024, 1, 20), **kw)
    yield gxe.ExpectColumnValuesToBeBetween(column="price", min_value=10, max_value=30.5, **kw)
    yield gxe.ExpectColumnValuesToMatchRegex(column="mail", regex=r"^u\d+@", **kw)
    yield gxe.ExpectColumnValuesToMatchRegex(column="word", regex=r"^ab$", **kw)
    yield gxe.ExpectColumnValuesToMatchRegex(column="key", regex=r"^[1-3]", **kw)
    yield gxe.ExpectColumnValuesToMatchRegex(column="flag", regex=r"^T", **kw)
    yield gxe.ExpectColumnValuesToNotMatchRegex(column="mail", regex="bad", **kw)
    yield gxe.ExpectColumnValuesToMatchRegexList(column="mail", regex_list=["^u1", "com$"], **kw)
    yield gxe.ExpectColumnValuesToMatchRegexList(
        column="mail", regex_list=["^u1", "com$"], match_on="all", **kw
    )
    yield gxe.ExpectColumnValuesToNotMatchRegexList(column="mail", regex_list=["^u1", "ba"], **kw)
    yield gxe.ExpectColumnValueLengthsToBeBetween(column="mail", min_value=5, max_value=8, **kw)
    yield gxe.ExpectColumnValueLengthsToBeBetween(column="key", min_value=1, strict_min=True, **kw)
    yield gxe.ExpectColumnValueLengthsToEqual(column="word", value=1, **kw)
    yield gxe.ExpectColumnValueLengthsToEqual(column="price", value=5, **kw)
    for column in ("id", "whole", "real", "key", "moment", "price"):
        yield gxe.ExpectColumnValuesToBeIncreasing(column=column, **kw)
        yield gxe.ExpectColumnValuesToBeDecreasing(column=column, strictly=True, **kw)
    yield gxe.ExpectColumnValuesToBeDateutilParseable(column="stamp", **kw)
    yield gxe.ExpectColumnValuesToMatchStrftimeFormat(
        column="stamp", strftime_format="%Y-%m-%d", **kw
    )
    yield gxe.ExpectColumnValuesToBeJsonParseable(column="document", **kw)
    yield gxe.ExpectColumnValuesToBeJsonParseable(column="stamp", **kw)
    yield gxe.ExpectColumnValuesToMatchJsonSchema(
        column="document", json_schema={"properties": {"a": {"type": "integer"}}}, **kw
    )
    for double_sided in (True, False):
        yield gxe.ExpectColumnValueZScoresToBeLessThan(
            column="real", threshold=1.5, double_sided=double_sided, **kw
        )
    yield gxe.ExpectColumnValueZScoresToBeLessThan(
        column="whole", threshold=1, double_sided=True, **kw
    )
    for method, multiplier in (("iqr", 1.5), ("iqr", 0.1), ("std", 2), ("std", 0)):
        yield gxe.ExpectColumnValuesToNotBeOutliers(
            column="real", method=method, multiplier=multiplier, **kw
        )
    yield gxe.ExpectColumnValuesToNotBeOutliers(column="key", method="iqr", **kw)
    for ignore in ("both_values_are_missing", "either_value_is_missing", "neither"):
        yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(
            column_A="other", column_B="real", or_equal=True, ignore_row_if=ignore, **kw
        )
        yield gxe.ExpectColumnPairValuesToBeEqual(
            column_A="key", column_B="whole", ignore_row_if=ignore, **kw
        )
    yield gxe.ExpectColumnPairValuesToBeEqual(column_A="key", column_B="word", **kw)
    for ignore in ("all_values_are_missing", "any_value_is_missing", "never"):
        yield gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["key", "word"], ignore_row_if=ignore, **kw
        )
        yield gxe.ExpectMulticolumnSumToEqual(
            column_list=["key", "whole"], sum_total=12, ignore_row_if=ignore, **kw
        )
        yield gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(
            column_list=["key", "whole", "id"], ignore_row_if=ignore, **kw
        )
        yield gxe.ExpectMulticolumnValuesToBeEqual(
            column_list=["key", "whole"], ignore_row_if=ignore, **kw
        )
    yield gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["word", "level"], **kw)


def pair_sets() -> Iterator[Expectation]:
    """The one rule about rows that takes no row condition."""
    for ignore in ("both_values_are_missing", "either_value_is_missing", "neither"):
        yield gxe.ExpectColumnPairValuesToBeInSet(
            column_A="word",
            column_B="level",
            value_pairs_set=[("a", "low"), ("b", None), ("zz", 3)],
            ignore_row_if=ignore,
        )


def aggregates(**kw: Any) -> Iterator[Expectation]:
    """Expectations that judge a number."""
    for column in ("whole", "real", "price", "void", "key"):
        yield gxe.ExpectColumnMinToBeBetween(column=column, min_value=0, **kw)
        yield gxe.ExpectColumnMaxToBeBetween(column=column, max_value=1, strict_max=True, **kw)
        yield gxe.ExpectColumnMeanToBeBetween(column=column, min_value=0, max_value=3, **kw)
        yield gxe.ExpectColumnMedianToBeBetween(column=column, min_value=0, max_value=3, **kw)
        yield gxe.ExpectColumnStdevToBeBetween(column=column, min_value=0, max_value=2, **kw)
        yield gxe.ExpectColumnSumToBeBetween(column=column, min_value=0, max_value=90, **kw)
    yield gxe.ExpectColumnMinToBeBetween(column="moment", min_value="2024-01-01", **kw)
    for method in (None, "linear", "lower", "higher", "midpoint"):
        yield gxe.ExpectColumnQuantileValuesToBeBetween(
            column="real",
            quantile_ranges={"quantiles": [0.1, 0.5], "value_ranges": [[-2, 0], [None, 1]]},
            allow_relative_error=method or False,
            **kw,
        )
    for column in ("whole", "real", "word", "level", "flag", "day", "price", "void"):
        yield gxe.ExpectColumnUniqueValueCountToBeBetween(
            column=column, min_value=1, max_value=3, **kw
        )
        yield gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(
            column=column, max_value=0.5, **kw
        )
        yield gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(
            column=column, min_value=0.95, **kw
        )
    for column, values in {
        "word": ["a", "b", "q"],
        "level": ["low", "mid"],
        "whole": [1, 2, 77, "x"],
        "flag": [True],
        "moment": ["2024-01-05"],
        "day": [dt.date(2024, 1, 5), "2024-01-06"],
    }.items():
        yield gxe.ExpectColumnDistinctValuesToBeInSet(column=column, value_set=values, **kw)
        yield gxe.ExpectColumnDistinctValuesToContainSet(column=column, value_set=values, **kw)
        yield gxe.ExpectColumnDistinctValuesToEqualSet(column=column, value_set=values, **kw)
        yield gxe.ExpectColumnMostCommonValueToBeInSet(column=column, value_set=values[:1], **kw)
    yield gxe.ExpectColumnKLDivergenceToBeLessThan(
        column="word",
        partition_object={"values": ["a", "b", "c"], "weights": [0.4, 0.3, 0.3]},
        threshold=0.1,
        tail_weight_holdout=0.01,
        **kw,
    )
    yield gxe.ExpectColumnKLDivergenceToBeLessThan(
        column="other",
        partition_object={"bins": [-2, -1, 0, 1, 2], "weights": [0.1, 0.4, 0.4, 0.1]},
        threshold=0.1,
        tail_weight_holdout=0.01,
        internal_weight_holdout=0.01,
        **kw,
    )
    yield gxe.ExpectColumnKLDivergenceToBeLessThan(
        column="other", partition_object=None, threshold=0.1, **kw
    )
    yield gxe.ExpectColumnKLDivergenceToBeLessThan(
        column="word", partition_object=None, bucketize_data=False, threshold=0.1, **kw
    )
    yield gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=50, **kw)
    yield gxe.ExpectTableRowCountToEqual(value=120, **kw)


def shapes() -> Iterator[Expectation]:
    """Expectations about the columns."""
    yield gxe.ExpectTableColumnCountToEqual(value=15)
    yield gxe.ExpectTableColumnCountToBeBetween(min_value=20)
    yield gxe.ExpectTableColumnsToMatchSet(column_set=["id", "key", "nope"])
    yield gxe.ExpectTableColumnsToMatchSet(column_set=["id", "key"], exact_match=False)
    yield gxe.ExpectTableColumnsToMatchOrderedList(column_list=["id", "key"])
    yield gxe.ExpectColumnToExist(column="nowhere")
    yield gxe.ExpectColumnToExist(column="key", column_index=1)
    yield gxe.ExpectColumnTypeToBe(column="id", type_="int64")
    yield gxe.ExpectColumnTypeToBe(column="other", type_="int64")
    yield gxe.ExpectColumnValuesToBeOfType(column="id", type_="int64")
    yield gxe.ExpectColumnValuesToBeOfType(column="other", type_="float64")
    yield gxe.ExpectColumnValuesToBeOfType(column="mail", type_="str")
    yield gxe.ExpectColumnValuesToBeInTypeList(column="id", type_list=["int64", "float64"])
    yield gxe.ExpectColumnValuesToBeInTypeList(column="other", type_list=["int64", "bool"])


def ill_typed() -> Iterator[Expectation]:
    """What cannot be computed on its column; each is validated alone."""
    yield gxe.ExpectColumnValuesToBeBetween(column="word", min_value="2024-01-01")
    yield gxe.ExpectColumnValuesToBeBetween(column="word", min_value=1)
    yield gxe.ExpectColumnValuesToBeBetween(column="real", min_value="2024-01-01")
    yield gxe.ExpectColumnValuesToBeDateutilParseable(column="key")
    yield gxe.ExpectColumnValueZScoresToBeLessThan(column="word", threshold=1, double_sided=True)
    yield gxe.ExpectColumnValuesToNotBeNull(column="nowhere")
    yield gxe.ExpectColumnMeanToBeBetween(column="word", min_value=0)
    yield gxe.ExpectColumnMeanToBeBetween(column="nowhere", min_value=0)
    yield gxe.ExpectColumnMaxToBeBetween(column="word", min_value="2024-01-01")
    yield gxe.ExpectTableRowCountToEqualOtherTable(other_table_name="elsewhere")


def brief(**kw: Any) -> Iterator[Expectation]:
    """One expectation of each way to use the rows, for the conditions."""
    yield gxe.ExpectColumnValuesToNotBeNull(column="real", **kw)
    yield gxe.ExpectColumnValuesToBeUnique(column="key", **kw)
    yield gxe.ExpectColumnValuesToBeBetween(column="real", min_value=-1, max_value=1, **kw)
    yield gxe.ExpectColumnValuesToBeIncreasing(column="whole", **kw)
    yield gxe.ExpectColumnValueZScoresToBeLessThan(
        column="real", threshold=1.5, double_sided=True, **kw
    )
    yield gxe.ExpectCompoundColumnsToBeUnique(column_list=["key", "word"], **kw)
    yield gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="other", column_B="real", **kw)
    yield gxe.ExpectColumnMeanToBeBetween(column="real", min_value=0, **kw)
    yield gxe.ExpectColumnMedianToBeBetween(column="whole", min_value=0, **kw)
    yield gxe.ExpectColumnDistinctValuesToBeInSet(column="word", value_set=["a"], **kw)
    yield gxe.ExpectTableRowCountToEqual(value=120, **kw)


def plain() -> list[Expectation]:
    """What both engines compute, without row conditions."""
    return [*pair_sets(), *shapes(), *row_rules(), *aggregates()]


def conditional() -> list[Expectation]:
    """What both engines compute, under row conditions."""
    either = {"row_condition": CONDITIONS["or_null"]}
    found = [*row_rules(mostly=0.8, **either), *aggregates(**either)]
    for condition in CONDITIONS.values():
        found += brief(row_condition=condition)
    return found
