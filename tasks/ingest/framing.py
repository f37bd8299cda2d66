"""Follow an answer's content to its end (RFC 9112, section 6), to notice what comes behind it."""

from __future__ import annotations

import re
from typing import Protocol

_CHUNKED = re.compile(rb"^transfer-encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*([0-9]+)", re.IGNORECASE | re.MULTILINE)
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;|$)")
_NEWLINE_BYTES = 2


class Framing(Protocol):
    """Where one is in content; what is wrong in it is left to the HTTP client to tell."""

    @property
    def is_over(self) -> bool:
        """Whether its end was reached."""

    @property
    def has_more(self) -> bool:
        """Whether something came behind its end."""

    def add(self, content: bytes) -> None:
        """Take note of bytes that came."""


def framing_of(head: bytes) -> Framing | None:
    """How the content behind a head is framed; None where it ends with the connection."""
    if _CHUNKED.search(head):
        return Chunks()
    length = _LENGTH.search(head)
    return Counted(int(length[1])) if length else None


class Counted:
    """Content of a told length.

    Args:
        length: its bytes.
    """

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def is_over(self) -> bool:
        return self._left <= 0

    @property
    def has_more(self) -> bool:
        return self._left < 0

    def add(self, content: bytes) -> None:
        self._left -= len(content)


class Chunks:
    """Content in chunks (section 7.1)."""

    def __init__(self) -> None:
        self.is_over = self.has_more = self._in_trailer = self._is_broken = False
        self._left, self._line = 0, b""

    def add(self, content: bytes) -> None:
        at = 0
        while at < len(content) and not self._is_broken:
            if self.is_over:
                self.has_more = True
                return
            if self._left:
                passed = min(self._left, len(content) - at)
                self._left, at = self._left - passed, at + passed
                continue
            end = content.find(b"\n", at)
            if end < 0:
                self._line += content[at:]
                return
            self._read_line((self._line + content[at:end]).strip())
            self._line, at = b"", end + 1

    def _read_line(self, line: bytes) -> None:
        if self._in_trailer:
            self.is_over = not line
            return
        told = _SIZE.match(line)
        if told is None:
            self._is_broken = bool(line)  # an empty one ends the chunk before
            return
        size = int(told[1], 16)
        self._in_trailer = size == 0
        self._left = size + _NEWLINE_BYTES if size else 0
