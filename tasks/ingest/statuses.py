"""What an answer's status and headers say: go on, ask again, ask later, or give up."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx

from tasks.core.errors import SourceError, SourceMissingError

TRY_AGAIN = "Nothing of it was taken. Run again later; if it stays so, ask who runs the API."

_RETRIED = frozenset({408, 425, 429})
_GONE = frozenset({404, 410})
_FORBIDDEN = frozenset({401, 403, 407})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEPING_THE_METHOD = frozenset({307, 308})


def is_passing(status: int) -> bool:
    """Whether a status tells of trouble that may pass."""
    return status in _RETRIED or status >= httpx.codes.INTERNAL_SERVER_ERROR


def redirect(status: int, headers: Mapping[str, str], method: str) -> str | None:
    """Where an answer sends a request on to; None if nowhere."""
    allowed = _REDIRECTS if method == "get" else _KEEPING_THE_METHOD
    return headers.get("location") if status in allowed else None


def check_status(status: int, shown: str) -> None:
    """Hold that an answer is the whole of what was asked for.

    Raises:
        SourceMissingError: there is nothing at the address.
        SourceError: it is anything but 200; a part (206) and a promise (202) are no answers.
    """
    if status == httpx.codes.OK:
        return
    if status in _GONE:
        raise SourceMissingError(
            "an answer", found=f"status {status}", where=shown, do="Check the source's url."
        )
    if status in _FORBIDDEN:
        raise SourceError(
            "an answer to these credentials",
            found=f"status {status}",
            where=shown,
            do="Check the source's auth and the secrets it names.",
        )
    raise SourceError("an answer, status 200", found=f"status {status}", where=shown, do=TRY_AGAIN)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the server asks to wait; a moment it names is counted from its own clock."""
    asked = headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        moment = parsedate_to_datetime(asked)
        now = parsedate_to_datetime(headers.get("date", ""))
        return max(0.0, (moment - now).total_seconds())
    return None
