"""What tells one version of an answer from another (RFC 9110, sections 8.8 and 13)."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx

_SURE_AFTER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Validators:
    """Of one version: at least one of them is there.

    Args:
        etag: its strong entity tag.
        modified: when it was made, long enough before it was sent that no other has the same date.
    """

    etag: str | None
    modified: str | None

    @property
    def condition(self) -> dict[str, str]:
        """The header that asks for an answer only if it is another version."""
        if self.etag is not None:
            return {"If-None-Match": self.etag}
        assert self.modified is not None
        return {"If-Modified-Since": self.modified}

    def may_be(self, headers: Mapping[str, str]) -> bool:
        """Whether an answer that says "not modified" can mean this version."""
        told = headers.get("etag")
        return told is None or self.etag is None or told == self.etag


def validators_of(headers: httpx.Headers) -> Validators | None:
    """The validators of an answer that tell versions apart byte for byte; None where none do.

    A weak tag may stay while bytes change, and so may a date within its second.
    """
    etag = headers.get("etag")
    strong = etag if etag and etag.startswith('"') and etag.isascii() else None
    modified = headers.get("last-modified")
    if strong is None and not _is_sure(modified, headers.get("date")):
        return None
    return Validators(strong, modified)


def _is_sure(modified: str | None, sent: str | None) -> bool:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        age = parsedate_to_datetime(sent or "") - parsedate_to_datetime(modified or "")
        return age.total_seconds() >= _SURE_AFTER_SECONDS
    return False
