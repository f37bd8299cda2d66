"""Tell people: mail, Slack, Teams, a webhook, whatever Apprise knows an address of.

An address is a secret: the pipeline file names the variable that holds it, and nothing that is
written or logged has more than that name. Nothing is sent anywhere else, redirects included. What
could not be delivered is recorded beside what was, and stops nothing.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flows.clock import attempt_name
from flows.pipeline import Pipeline
from tasks.core.artifacts import Report
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import LamplighterError
from tasks.core.keys import canonical_json
from tasks.monitor.config import Event

_WAIT_SECONDS = 30.0
_LINE_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Notice:
    """Something people asked to be told of.

    Args:
        event: what it is.
        title: one line.
        reason: why, in words.
        page: URI of the page that says more; empty where there is none.
    """

    event: Event
    title: str
    reason: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a notice for one addressee.

    Args:
        to: the variable that holds the address.
        notice: what was to be told.
        failure: why it was not; empty where it was.
    """

    to: str
    notice: Notice
    failure: str = ""


def notify(pipeline: Pipeline, day: dt.date, notices: Sequence[Notice]) -> list[Delivery]:
    """Tell who asked for it, and record what became of it. Never raises for a delivery.

    Args:
        pipeline: the pipeline.
        day: the date they are about.
        notices: what there is to tell.
    """
    done = [
        deliver(pipeline, each.secret, notice)
        for notice in notices
        for each in pipeline.config.monitoring.notify
        if notice.event in each.on
    ]
    record(pipeline, day, done)
    return done


def deliver(pipeline: Pipeline, to: str, notice: Notice) -> Delivery:
    """Tell one addressee, by the variable that holds the address. Never raises for a delivery."""
    return Delivery(to, notice, _send(pipeline, to, notice))


def record(pipeline: Pipeline, day: dt.date, done: Sequence[Delivery]) -> None:
    """Keep what became of notices about a date beside what became of those before."""
    if not done:
        return
    # A store that cannot be written has said so to the run itself.
    with (
        contextlib.suppress(LamplighterError),
        open_run(pipeline.store, pipeline.name, _unit(day), attempt_name(), _WAIT_SECONDS) as run,
    ):
        kept = [*told(pipeline, day), *map(asdict, done)]
        run.write_bytes(Report, canonical_json(kept), _uri(pipeline, day))
        commit(run, {"kind": "notices"})


def told(pipeline: Pipeline, day: dt.date) -> list[Any]:
    """What became of each notice about a date so far, as it is kept."""
    before = last_commit(pipeline.store, pipeline.name, _unit(day))
    ref = before.find(Report, _uri(pipeline, day)) if before else None
    return list(json.loads(pipeline.store.read_bytes(ref))) if ref else []


def failures(done: Sequence[Delivery]) -> tuple[str, ...]:
    """What was not delivered, one sentence each."""
    return tuple(
        f"{each.to} was not told of {each.notice.event}: {each.failure}"
        for each in done
        if each.failure
    )


def _send(pipeline: Pipeline, secret: str, notice: Notice) -> str:
    """Send one notice; why that failed, or nothing."""
    if secret not in pipeline.secrets:
        return "no environment variable of that name is set"
    import apprise

    # Without files of its own, and without following an answer to an address nobody named.
    asset = apprise.AppriseAsset(
        app_id="Lamplighter", http_redirects=False, storage_mode=apprise.PersistentStoreMode.MEMORY
    )
    told = apprise.Apprise(asset=asset)
    try:
        with _silent():
            if not told.add(pipeline.secrets[secret].get_secret_value()):
                return "its value is no address that Apprise knows"
            if not told.notify(title=notice.title, body=_body(pipeline, notice)):
                return "it was not accepted"
    except Exception as error:  # noqa: BLE001  # a message of somebody's plugin may hold the address
        return f"a {type(error).__name__}"
    return ""


def _body(pipeline: Pipeline, notice: Notice) -> str:
    link = pipeline.config.monitoring.link.rstrip("/")
    place = f"{link}/{notice.page}" if link else str(pipeline.store.root / notice.page)
    return "\n\n".join([notice.reason[:_LINE_LENGTH], *([place] if notice.page else [])])


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep Apprise and its HTTP library from logging addresses."""
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _unit(day: dt.date) -> str:
    return f"notices-{day}"


def _uri(pipeline: Pipeline, day: dt.date) -> str:
    return f"notices/{pipeline.name}/batch_date={day}/notices.json"
