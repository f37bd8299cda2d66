"""The values a query may ask for: `:date` and the moments around it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

from tasks.core.errors import ConfigError
from tasks.ingest.incremental import Watermark

Value = str | bool | int | float | Decimal | dt.date | dt.datetime


def moments(date: dt.date, timezone: str, watermark: Watermark | None = None) -> dict[str, Value]:
    """The batch date, its start and its end.

    Args:
        date: the batch date.
        timezone: where it begins and ends.
        watermark: of a source that has one, the last one that is not asked for any more.

    Returns:
        `date`; `since` and `until` as the clock there shows them, and the same moments in UTC as
        `since_utc` and `until_utc`, all without an offset; `watermark` where
        there is one.
    """
    since = dt.datetime.combine(date, dt.time())
    local = {"since": since, "until": since + dt.timedelta(days=1)}
    zone = ZoneInfo(timezone)
    in_utc = {
        f"{name}_utc": moment.replace(tzinfo=zone).astimezone(dt.UTC).replace(tzinfo=None)
        for name, moment in local.items()
    }
    own: dict[str, Value] = {} if watermark is None else {"watermark": watermark}
    return {"date": date, **local, **in_utc, **own}


def bind(asked: Iterable[str], given: Mapping[str, Value], where: str) -> dict[str, Value]:
    """The values a query asks for: the one place where values and queries meet.

    Args:
        asked: their names.
        given: all values there are.
        where: the query's key in the pipeline file.

    Raises:
        ConfigError: it asks for another.
    """
    names = dict.fromkeys(asked)
    unknown = [name for name in names if name not in given]
    if unknown:
        raise ConfigError(
            f"a query that asks for {', '.join(f':{name}' for name in given)}",
            found=", ".join(f":{name}" for name in unknown),
            where=where,
            do="Write a colon that begins no value as \\:.",
        )
    return {name: given[name] for name in names}
