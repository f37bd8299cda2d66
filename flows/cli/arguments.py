"""What commands take alike: dates, spans, and whether a program reads their answer."""

from __future__ import annotations

import datetime as dt

import click


class Date(click.ParamType[dt.date]):
    """A date as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(
        self, value: str | dt.date, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        """Read the date, or fail as click does."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"a date like 2010-07-05 is required; found {value!r}", param, ctx)


class Span(click.ParamType[dt.timedelta]):
    """A span of days as `90d`."""

    name = "90d"

    def convert(
        self, value: str | dt.timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta:
        """Read the span, or fail as click does."""
        if isinstance(value, dt.timedelta):
            return value
        number, unit = value[:-1], value[-1:]
        if unit not in ("d", "w") or not number.isdecimal() or not int(number):
            self.fail(f"a span like 90d or 12w is required; found {value!r}", param, ctx)
        return dt.timedelta(days=int(number) * (7 if unit == "w" else 1))


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
on_date = click.option("--date", "date", type=Date(), help="Batch date; default: last night's.")
