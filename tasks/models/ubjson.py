"""Hold that bytes are one whole UBJSON value, before a reader that trusts them is given them.

XGBoost reads beyond the end of a file that was cut off, and ends the process: no exception that
could be caught. Here nothing is built: lengths are added up.

Source: the format as ubjson.org defines it (draft 12), with counted and typed containers.
"""

from __future__ import annotations

from typing import Final

_SIZES: Final = {"Z": 0, "N": 0, "T": 0, "F": 0, "i": 1, "U": 1, "C": 1, "I": 2} | {
    "l": 4,
    "L": 8,
    "d": 4,
    "D": 8,
}
_WHOLE: Final = {"i": True, "U": False, "I": True, "l": True, "L": True}  # whether it has a sign
_DEEPEST = 64


def check_ubjson(content: bytes) -> None:
    """Walk through a value from its first byte to its last.

    Raises:
        ValueError: it ends too early or too late, or is not of this format; with the place.
    """
    end = _Walk(content).value(0, 0)
    if end != len(content):
        raise ValueError(f"{len(content) - end} bytes after the end of the model")


class _Walk:
    def __init__(self, content: bytes) -> None:
        self.content = content

    def value(self, at: int, depth: int) -> int:
        """Where the value that begins here ends."""
        return self._rest(self._mark(at), at + 1, depth)

    def _rest(self, mark: str, at: int, depth: int) -> int:
        """Where a value ends whose mark was before this place."""
        if mark in _SIZES:
            return self._skip(at, _SIZES[mark])
        if mark in "SH":
            length, at = self._count(at)
            return self._skip(at, length)
        if mark in "[{" and depth < _DEEPEST:
            return self._container(mark, at, depth + 1)
        raise ValueError(f"no value of a model at byte {at - 1}")

    def _container(self, opened: str, at: int, depth: int) -> int:
        mark, count = "", None
        if self._mark(at) == "$":
            mark, at = self._mark(at + 1), at + 2
        if self._mark(at) == "#":
            count, at = self._count(at + 1)
        elif mark:
            raise ValueError(f"a typed container without a count at byte {at}")
        if mark in _SIZES and opened == "[" and count is not None:
            return self._skip(at, count * _SIZES[mark])
        closed = "]" if opened == "[" else "}"
        while count != 0:
            if count is None and self._mark(at) == closed:
                return at + 1
            at = self._item(opened, mark, at, depth)
            count = None if count is None else count - 1
        return at

    def _item(self, opened: str, mark: str, at: int, depth: int) -> int:
        if opened == "{":
            length, at = self._count(at)
            at = self._skip(at, length)
        return self._rest(mark, at, depth) if mark else self.value(at, depth)

    def _count(self, at: int) -> tuple[int, int]:
        """A length, and where it ends."""
        mark = self._mark(at)
        if mark not in _WHOLE:
            raise ValueError(f"no length at byte {at}")
        end = self._skip(at + 1, _SIZES[mark])
        count = int.from_bytes(self.content[at + 1 : end], "big", signed=_WHOLE[mark])
        if count < 0:
            raise ValueError(f"a length of {count} at byte {at}")
        return count, end

    def _mark(self, at: int) -> str:
        self._skip(at, 1)
        return chr(self.content[at])

    def _skip(self, at: int, size: int) -> int:
        if at + size > len(self.content):
            raise ValueError(f"cut off: {len(self.content)} bytes, at least {at + size} expected")
        return at + size
