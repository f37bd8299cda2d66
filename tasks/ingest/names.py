"""Names of files: which ones a pattern finds, and which are no data or not yet complete."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

_WILD = re.compile(r"[*?\[]")
_UNFINISHED = (
    *(".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".download"),
    *(".incomplete", ".inprogress", ".uploading", ".writing", ".swp", "._COPYING_", "~"),
)


def is_wild(pattern: str) -> bool:
    """Whether a pattern can find more than one name."""
    return bool(_WILD.search(pattern))


def fixed_start(pattern: str) -> str:
    """The part of a pattern before its first wild character."""
    return _WILD.split(pattern, maxsplit=1)[0]


def is_data(key: str, pattern: str) -> bool:
    """Whether a found file is data: not hidden, no marker, not one some tool is still writing.

    A part of its path that the pattern names letter by letter is meant.
    """
    meant = {part for part in pattern.split("/") if not is_wild(part)}
    parts = [part for part in key.split("/") if part not in meant]
    if any(part.startswith((".", "_", "~$")) for part in parts):
        return False
    return not (parts and key.endswith(parts[-1]) and parts[-1].endswith(_UNFINISHED))


@functools.cache
def matcher(pattern: str) -> Callable[[str], bool]:
    """Tells whether a path is one that a pattern finds; `*` keeps within a folder."""
    regex = re.compile("".join(_translated(part) for part in _PIECES.findall(pattern)), re.DOTALL)
    return lambda key: regex.fullmatch(key) is not None


_PIECES = re.compile(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", re.DOTALL)


def _translated(piece: str) -> str:
    if piece == "**/":
        return "(?:.*/)?"
    if piece == "**":
        return ".*"
    if piece == "*":
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if len(piece) > 1:
        inside = re.sub(r"([\\\[&~|^])", r"\\\1", piece[1:-1])
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(piece)
