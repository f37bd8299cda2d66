"""Tell people of nights that stay missing, each of them once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping, Sequence

from flows import notices
from flows.notices import Notice
from flows.pipeline import Pipeline
from flows.service.missing import ATTEMPTS, PATIENCE
from tasks.core.commit import last_commit


def tell_missing(
    pipeline: Pipeline, left: Collection[dt.date], missing: Mapping[dt.date, dt.timedelta]
) -> Iterator[str]:
    """Tell people of dates that nobody will ask for again, once of each.

    Whoever could not be told is told with one of the next looks, of which as many are tried as
    runs of a night are.

    Args:
        pipeline: the pipeline.
        left: the dates.
        missing: for how long they have been.

    Yields:
        Who was told of what, a sentence each.
    """
    for each in pipeline.config.monitoring.notify:
        news = [
            day for day in left if "missing" in each.on and _is_news(pipeline, each.secret, day)
        ]
        if not news:
            continue
        done = notices.deliver(pipeline, each.secret, _notice(pipeline, news, missing))
        for day in news:
            notices.record(pipeline, day, [done])
        days = ", ".join(map(str, news))
        yield from notices.failures([done]) or [f"{pipeline.name}: {done.to} was told of {days}"]


def _is_news(pipeline: Pipeline, to: str, day: dt.date) -> bool:
    """Whether an addressee has not been told of a date, and not tried in vain too often."""
    mine = [
        each
        for each in notices.told(pipeline, day)
        if each["to"] == to and each["notice"]["event"] == "missing"
    ]
    return len(mine) < ATTEMPTS and all(each["failure"] for each in mine)


def _notice(
    pipeline: Pipeline, news: Sequence[dt.date], missing: Mapping[dt.date, dt.timedelta]
) -> Notice:
    name, first, last = pipeline.name, min(news), max(news)
    title = f"{name}: {len(news)} {'night is' if len(news) == 1 else 'nights are'} missing"
    told = [
        f"Mend what stopped them, then: lamplighter backfill {name} {first} {last}",
        *(f"{day}: {_why(pipeline, day, missing[day])}" for day in news),
    ]
    return Notice("missing", title, "\n".join(told), _page(pipeline, last))


def _why(pipeline: Pipeline, day: dt.date, overdue: dt.timedelta) -> str:
    stopped = last_commit(pipeline.store, pipeline.name, f"incident-{day}")
    hours = f"due {overdue // PATIENCE} hours ago"
    return f"{hours}, stopped; its page says why" if stopped else f"{hours}, and no run ended"


def _page(pipeline: Pipeline, day: dt.date) -> str:
    page = f"incidents/{pipeline.name}/batch_date={day}/incident.html"
    return page if (pipeline.store.root / page).is_file() else ""
