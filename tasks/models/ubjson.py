"""Read UBJSON that nobody vouches for: bytes that are one whole value, or an error with the place.

XGBoost reads beyond the end of a file that was cut off, and ends the process: no exception that
could be caught. Nothing is allocated that the bytes do not hold.

Source: the format as ubjson.org defines it (draft 12), with counted and typed containers.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

# Of numbers their type, big-endian as all of the format; of what has no bytes its value.
_NUMBERS: Final = {"i": ">i1", "U": ">u1", "I": ">i2", "l": ">i4", "L": ">i8"} | {
    "d": ">f4",
    "D": ">f8",
}
_LENGTHS: Final = "iUIlL"
_WORDS: Final[dict[str, Any]] = {"Z": None, "N": None, "T": True, "F": False}
_DEEPEST = 64


def read_ubjson(content: bytes) -> Any:
    """The value: objects as dicts, typed arrays of numbers as NumPy's, other arrays as lists.

    Raises:
        ValueError: it ends too early or too late, or is not of this format; with the place.
    """
    reader = _Reader(content)
    value = reader.value(reader.mark(), 0)
    if reader.at != len(content):
        raise ValueError(f"{len(content) - reader.at} bytes after the end, at byte {reader.at}")
    return value


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def value(self, mark: str, depth: int) -> Any:
        """The value whose mark was read."""
        if mark in _WORDS:
            return _WORDS[mark]
        if mark in _NUMBERS:
            return self._numbers(mark, 1)[0].item()
        if mark == "C":
            return chr(self._take(1)[0])
        if mark in ("S", "H"):
            return self._take(self._length()).decode(errors="replace")
        if mark in ("[", "{") and depth < _DEEPEST:
            return self._container(mark == "{", depth + 1)
        raise ValueError(f"no value of a model at byte {self.at - 1}")

    def mark(self) -> str:
        """The next mark."""
        return chr(self._take(1)[0])

    def _container(self, named: bool, depth: int) -> Any:
        mark, count = "", None
        if self._follows("$"):
            mark = self.mark()
        if self._follows("#"):
            count = self._length()
        elif mark:
            raise ValueError(f"a typed container without a count at byte {self.at}")
        if mark in _NUMBERS and count is not None and not named:
            return self._numbers(mark, count)
        if mark in _WORDS:
            raise ValueError(f"a container of values without bytes at byte {self.at}")
        found: dict[str, Any] = {}
        values = list[Any]()
        while count != 0 and not (count is None and self._follows("}" if named else "]")):
            if named:
                name = self._take(self._length()).decode(errors="replace")
                found[name] = self.value(mark or self.mark(), depth)
            else:
                values.append(self.value(mark or self.mark(), depth))
            count = None if count is None else count - 1
        return found if named else values

    def _follows(self, mark: str) -> bool:
        """Whether this mark is the next one; if so it is passed."""
        if self.content[self.at : self.at + 1] != mark.encode():
            return False
        self.at += 1
        return True

    def _length(self) -> int:
        begun, mark = self.at, self.mark()
        if mark not in _LENGTHS:
            raise ValueError(f"no length at byte {begun}")
        count = int(self._numbers(mark, 1)[0])
        if count < 0:
            raise ValueError(f"a length of {count} at byte {begun}")
        return count

    def _numbers(self, mark: str, count: int) -> np.ndarray[Any, Any]:
        dtype = np.dtype(_NUMBERS[mark])
        return np.frombuffer(self._take(count * dtype.itemsize), dtype)

    def _take(self, size: int) -> bytes:
        begun, self.at = self.at, self.at + size
        if self.at > len(self.content):
            raise ValueError(
                f"cut off: {len(self.content)} bytes, at least byte {self.at} expected"
            )
        return self.content[begun : self.at]
