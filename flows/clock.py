"""The edge where the clock and chance come in; everything below takes them as arguments."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import secrets
from zoneinfo import ZoneInfo


def now() -> dt.datetime:
    """The present moment in UTC."""
    return dt.datetime.now(dt.UTC)


def night_before(moment: dt.datetime, timezone: str) -> dt.date:
    """The business date that had ended last at a moment."""
    return moment.astimezone(ZoneInfo(timezone)).date() - dt.timedelta(days=1)


def attempt_name() -> str:
    """A name no other execution has; later ones sort behind it."""
    return f"{now():%Y%m%dT%H%M%S%f}-{os.getpid()}-{secrets.token_hex(3)}"


def user() -> str:
    """Who runs this process, for the history of what was decided."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
