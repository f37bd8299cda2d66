"""Random expectations with random arguments over the frames, fitting and unfitting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random
from typing import Any

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from tests.unit.engine import cases, frames

NUMBERS = ("id", "key", "whole", "real", "other", "price", "void")
TEXTS = ("word", "mail", "document", "stamp")
COLUMNS = tuple(frames.SCHEMA)
_REGEXES = (r"^a", r"\d+", "b$", r"^[A-Z]?u\d{1,2}@", ".*", "^$", r"(a|zz)", r"^-?\d+\.\d$", "True")
_DAYS = (dt.date(2024, 1, 5), dt.date(2024, 2, 20), dt.date(2030, 1, 1))
_VALUES: dict[str, tuple[Any, ...]] = {
    "word": ("a", "b", "c", "ab\n", "zz", "", "Q"),
    "mail": ("bad", "u1@x.com", "u2@x.com", "x"),
    "level": ("low", "mid", "high", "none"),
    "document": ('{"a": 1}', "3", "[1, 2]", "{}"),
    "stamp": ("2024-01-02", "10:30", "not a date"),
    "flag": (True, False),
    "moment": (dt.datetime(2024, 1, 11), dt.datetime(2024, 1, 28, 4), dt.datetime(2030, 1, 1)),
    "day": _DAYS,
}
_NUMBERS = (*range(12), 0.5, 7.25)
_ANYTHING: tuple[Any, ...] = ("a", 1, 2.5, True, "", -1, 0)

Keywords = dict[str, Any]
Draw = Callable[[Random], Expectation]


def _number(rng: Random) -> float | int:
    wanted: list[float | int] = [rng.randint(-3, 45), round(rng.uniform(-3, 3), 2), 0, 0.5]
    return rng.choice(wanted)


def _whole(rng: Random) -> int:
    return rng.randint(0, 60)


def _share(rng: Random) -> float:
    return round(rng.random(), 2)


def _moment(rng: Random) -> dt.datetime:
    return dt.datetime(2024, 1, 1) + dt.timedelta(hours=rng.randint(-10, 1000))


def _day(rng: Random) -> dt.date:
    return _moment(rng).date()


def _bounds(rng: Random, draw: Callable[[Random], Any] = _number) -> Keywords:
    low, high = sorted((draw(rng), draw(rng)))
    chosen = rng.choice((("min_value",), ("max_value",), ("min_value", "max_value")))
    bounds = {k: v for k, v in (("min_value", low), ("max_value", high)) if k in chosen}
    strict = {f"strict_{k[:3]}": True for k in bounds if rng.random() < 0.3}
    return bounds | strict


def _set(rng: Random, column: str) -> list[Any]:
    pool = _VALUES.get(column, _NUMBERS)
    if rng.random() < 0.2:
        pool += _ANYTHING
    return rng.sample(pool, rng.randint(1, min(5, len(pool))))


def _condition(rng: Random) -> Any:
    if rng.random() < 0.5:
        return rng.choice(list(cases.CONDITIONS.values()))
    left = Column(rng.choice(("key", "id", "other")))
    compared = [left > rng.randint(0, 40), left <= rng.random(), left.is_not_null()]
    compared += [Column("key") != 3, Column("word").is_null(), Column("flag") == True]  # noqa: E712
    compared += [Column("moment") >= dt.datetime(2024, 1, 15), Column("level") == "low"]
    one, other = rng.sample(compared, 2)
    return rng.choice((one, one & other, one | other))


def _about_rows(rng: Random) -> Keywords:
    shares = {"mostly": rng.choice((0, 0.3, 0.5, 0.9, 0.95, 1))} if rng.random() < 0.5 else {}
    return shares | _about_domain(rng)


def _about_domain(rng: Random) -> Keywords:
    return {"row_condition": _condition(rng)} if rng.random() < 0.3 else {}


def _column(rng: Random, fitting: tuple[str, ...] = COLUMNS) -> str:
    return "nowhere" if rng.random() < 0.02 else rng.choice(fitting)


def _presence(rng: Random) -> Expectation:
    kinds = (
        gxe.ExpectColumnValuesToBeNull,
        gxe.ExpectColumnValuesToNotBeNull,
        gxe.ExpectColumnValuesToBeUnique,
    )
    return rng.choice(kinds)(column=_column(rng), **_about_rows(rng))


def _membership(rng: Random) -> Expectation:
    kind = rng.choice((gxe.ExpectColumnValuesToBeInSet, gxe.ExpectColumnValuesToNotBeInSet))
    column = _column(rng)
    return kind(column=column, value_set=_set(rng, column), **_about_rows(rng))


def _range(rng: Random) -> Expectation:
    column = _column(rng, (*NUMBERS, "moment", "day"))
    draws: dict[str, Callable[[Random], Any]] = {"moment": _moment, "day": _day}
    bounds = _bounds(rng, draws.get(column, _number))
    return gxe.ExpectColumnValuesToBeBetween(column=column, **bounds, **_about_rows(rng))


def _length(rng: Random) -> Expectation:
    about = {"column": _column(rng, (*TEXTS, "level", "key", "id")), **_about_rows(rng)}
    if rng.random() < 0.5:
        return gxe.ExpectColumnValueLengthsToEqual(value=rng.randint(0, 9), **about)
    return gxe.ExpectColumnValueLengthsToBeBetween(**_bounds(rng, _whole), **about)


def _pattern(rng: Random) -> Expectation:
    about = {"column": _column(rng, (*TEXTS, "level", "key", "flag")), **_about_rows(rng)}
    if rng.random() < 0.5:
        kinds = (gxe.ExpectColumnValuesToMatchRegex, gxe.ExpectColumnValuesToNotMatchRegex)
        return rng.choice(kinds)(regex=rng.choice(_REGEXES), **about)
    regexes = rng.sample(_REGEXES, rng.randint(1, 3))
    if rng.random() < 0.5:
        return gxe.ExpectColumnValuesToNotMatchRegexList(regex_list=regexes, **about)
    match_on = rng.choice(("any", "all"))
    return gxe.ExpectColumnValuesToMatchRegexList(regex_list=regexes, match_on=match_on, **about)


def _order(rng: Random) -> Expectation:
    kind = rng.choice((gxe.ExpectColumnValuesToBeIncreasing, gxe.ExpectColumnValuesToBeDecreasing))
    column = _column(rng, (*NUMBERS, "moment"))
    return kind(column=column, strictly=rng.choice((None, True, False)), **_about_rows(rng))


def _spread(rng: Random) -> Expectation:
    about = {"column": _column(rng, NUMBERS), **_about_rows(rng)}
    if rng.random() < 0.5:
        return gxe.ExpectColumnValueZScoresToBeLessThan(
            threshold=rng.choice((0.5, 1, 1.96, 3)), double_sided=rng.random() < 0.5, **about
        )
    return gxe.ExpectColumnValuesToNotBeOutliers(
        method=rng.choice(("iqr", "std")), multiplier=rng.choice((0, 0.5, 1.5, 3)), **about
    )


def _parsing(rng: Random) -> Expectation:
    about = {"column": _column(rng, TEXTS), **_about_rows(rng)}
    which = rng.randrange(3)
    if which == 0:
        return gxe.ExpectColumnValuesToBeDateutilParseable(**about)
    if which == 1:
        return gxe.ExpectColumnValuesToBeJsonParseable(**about)
    layout = rng.choice(("%Y-%m-%d", "%d/%m/%Y", "%H:%M"))
    return gxe.ExpectColumnValuesToMatchStrftimeFormat(strftime_format=layout, **about)


def _pair(rng: Random) -> Expectation:
    one, other = rng.sample(("id", "key", "whole", "real", "other", "void"), 2)
    ignore = rng.choice(("both_values_are_missing", "either_value_is_missing", "neither"))
    about = {"column_A": one, "column_B": other, "ignore_row_if": ignore, **_about_rows(rng)}
    if rng.random() < 0.5:
        or_equal = rng.choice((True, False, None))
        return gxe.ExpectColumnPairValuesAToBeGreaterThanB(or_equal=or_equal, **about)
    return gxe.ExpectColumnPairValuesToBeEqual(**about)


def _records(rng: Random) -> Expectation:
    ignore = rng.choice(("all_values_are_missing", "any_value_is_missing", "never"))
    about = {"ignore_row_if": ignore, **_about_rows(rng)}
    if rng.random() < 0.4:
        names = rng.sample(("id", "key", "whole", "word", "level", "flag", "mail", "day"), 2)
        return gxe.ExpectCompoundColumnsToBeUnique(column_list=names, **about)
    about["column_list"] = rng.sample(("id", "key", "whole", "real", "other"), rng.randint(2, 3))
    if rng.random() < 0.3:
        return gxe.ExpectMulticolumnSumToEqual(sum_total=_whole(rng), **about)
    kinds = (
        gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord,
        gxe.ExpectMulticolumnValuesToBeEqual,
    )
    return rng.choice(kinds)(**about)


def _aggregate(rng: Random) -> Expectation:
    kinds = (
        gxe.ExpectColumnMinToBeBetween,
        gxe.ExpectColumnMaxToBeBetween,
        gxe.ExpectColumnMeanToBeBetween,
        gxe.ExpectColumnMedianToBeBetween,
        gxe.ExpectColumnStdevToBeBetween,
        gxe.ExpectColumnSumToBeBetween,
    )
    column = _column(rng, NUMBERS)
    return rng.choice(kinds)(column=column, **_bounds(rng), **_about_domain(rng))


def _quantiles(rng: Random) -> Expectation:
    shares = sorted(rng.sample((0.0, 0.05, 0.25, 0.333, 0.5, 0.9, 1.0), rng.randint(1, 3)))
    ranges = [sorted((_number(rng), _number(rng))) for _ in shares]
    methods = (False, "linear", "lower", "higher", "midpoint", "nearest")
    return gxe.ExpectColumnQuantileValuesToBeBetween(
        column=_column(rng, ("id", "key", "whole", "real", "other", "void")),
        quantile_ranges={"quantiles": shares, "value_ranges": ranges},
        allow_relative_error=rng.choice(methods),
        **_about_domain(rng),
    )


def _distinct(rng: Random) -> Expectation:
    column = _column(rng)
    about = {"column": column, **_about_domain(rng)}
    which = rng.randrange(4)
    if which == 0:
        return gxe.ExpectColumnUniqueValueCountToBeBetween(**_bounds(rng, _whole), **about)
    if which == 1:
        shares = (
            gxe.ExpectColumnProportionOfUniqueValuesToBeBetween,
            gxe.ExpectColumnProportionOfNonNullValuesToBeBetween,
        )
        return rng.choice(shares)(**_bounds(rng, _share), **about)
    sets = (
        gxe.ExpectColumnDistinctValuesToBeInSet,
        gxe.ExpectColumnDistinctValuesToContainSet,
        gxe.ExpectColumnDistinctValuesToEqualSet,
        gxe.ExpectColumnMostCommonValueToBeInSet,
    )
    return rng.choice(sets)(value_set=_set(rng, column), **about)


def _drift(rng: Random) -> Expectation:
    holdout = rng.choice((0, 0.01))
    about = {"threshold": rng.choice((0.01, 0.1, 1)), "tail_weight_holdout": holdout}
    about |= _about_domain(rng)
    if rng.random() < 0.5:
        column = rng.choice(("word", "level"))
        values = _set(rng, column)
        partition: Keywords = {"values": values, "weights": [1 / len(values)] * len(values)}
    else:
        column = rng.choice(("key", "whole", "real", "other", "id"))
        bins = sorted({_number(rng) for _ in range(6)} | {0, 10})
        partition = {"bins": bins, "weights": [1 / (len(bins) - 1)] * (len(bins) - 1)}
        about["internal_weight_holdout"] = holdout
    return gxe.ExpectColumnKLDivergenceToBeLessThan(
        column=column, partition_object=partition, **about
    )


def _table(rng: Random) -> Expectation:
    names = rng.sample(COLUMNS, rng.randint(1, 15))
    return rng.choice(
        (
            gxe.ExpectTableRowCountToBeBetween(**_bounds(rng, _whole), **_about_domain(rng)),
            gxe.ExpectTableRowCountToEqual(value=120, **_about_domain(rng)),
            gxe.ExpectTableColumnCountToBeBetween(min_value=rng.randint(10, 20)),
            gxe.ExpectTableColumnsToMatchSet(column_set=names, exact_match=rng.random() < 0.5),
            gxe.ExpectTableColumnsToMatchOrderedList(column_list=names),
            gxe.ExpectColumnToExist(column=_column(rng), column_index=rng.choice((None, 0, 3))),
        )
    )


_DRAWS: tuple[Draw, ...] = (
    _presence,
    _membership,
    _range,
    _length,
    _pattern,
    _order,
    _spread,
    _parsing,
    _pair,
    _records,
    _aggregate,
    _quantiles,
    _distinct,
    _drift,
    _table,
)


def expectation(rng: Random) -> Expectation:
    """One expectation of any kind."""
    return rng.choice(_DRAWS)(rng)
