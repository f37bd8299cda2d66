"""Tables and text in Markdown, of which nothing that a source or a person wrote becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!])")


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of texts as they stand."""
    header = tuple(columns)
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(_line(map(plain, line)) for line in lines)


def plain(text: str) -> str:
    """Text as it stands, on one line."""
    return _SPECIAL.sub(r"\\\1", text.replace("\n", " "))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
