"""A query as its parts: what may run, and where values stand in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tasks.core.errors import ConfigError

_QUOTED = r"""
    --[^\n]*
  | /\*.*?\*/
  | \b[eE]'(?:[^'\\]|\\.|'')*'
  | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$
  | '(?:[^']|'')*'
  | "(?:[^"]|"")*"
  | `[^`]*`
"""
_QUOTED_IN_MYSQL = r"""
    --[^\n]*
  | \#[^\n]*
  | /\*(?!!).*?\*/
  | '(?:[^'\\]|\\.|'')*'
  | "(?:[^"\\]|\\.|"")*"
  | `[^`]*`
"""
_REST = r"""
  | (?<![:\w\\]):(?P<value>[A-Za-z_]\w*)
  | (?P<escaped>\\:)
  | (?P<mark>[();'"`]|/\*)
  | (?P<word>\b[A-Za-z_]\w*)
"""
_MYSQL = re.compile(_QUOTED_IN_MYSQL + _REST, re.VERBOSE | re.DOTALL)
_OTHERS = re.compile(_QUOTED + _REST, re.VERBOSE | re.DOTALL)
_WRITING = re.compile(
    "alter|call|create|delete|drop|exec|execute|grant|insert|merge|truncate|update", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One SELECT, checked.

    Args:
        pieces: its text around the values; a newline ends it, lest its last line be a comment.
        values: the name of the value behind each piece but the last.
    """

    pieces: tuple[str, ...]
    values: tuple[str, ...] = ()

    def render(
        self, value: Callable[[str], str], text: Callable[[str], str] = lambda text: text
    ) -> str:
        """The statement with something in the place of each value.

        Args:
            value: what stands for a value, by its name.
            text: what becomes of the text around them.
        """
        ends = [value(name) for name in self.values]
        return "".join(text(p) + v for p, v in zip(self.pieces, [*ends, ""], strict=True))


def parse(query: str, is_mysql: bool, may_write: bool, where: str) -> Statement:
    """Take a query apart, and hold that it is one statement that only reads.

    What only reads is the database's to say, in a read-only transaction; where it has none, words
    that write are refused here.

    Args:
        query: one SELECT; `:name` is a value, `\\:` a colon.
        is_mysql: whether text is quoted as MySQL does, with backslashes.
        may_write: whether the database has no read-only transactions.
        where: the query's key in the pipeline file.

    Raises:
        ConfigError: it is not one SELECT.
    """
    query = query.rstrip().removesuffix(";") + "\n"
    pieces, values, start, depth = [""], [], 0, 0
    for token in (_MYSQL if is_mysql else _OTHERS).finditer(query):
        if token["value"] or token["escaped"]:
            pieces[-1] += query[start : token.start()] + (":" if token["escaped"] else "")
            start = token.end()
        if token["value"]:
            values.append(token["value"])
            pieces.append("")
        depth += {"(": 1, ")": -1}.get(token["mark"] or "", 0)
        if depth < 0 or _is_refused(token, may_write):
            raise _refused(f"{token[0]!r} at character {token.start() + 1}", where)
    if depth:
        raise _refused("a parenthesis that is not closed", where)
    pieces[-1] += query[start:]
    return Statement(tuple(pieces), tuple(values))


def _is_refused(token: re.Match[str], may_write: bool) -> bool:
    """Whether a mark begins what never ends, or ends the statement; or a word writes."""
    word = token["word"] or ""
    is_writing = word.lower() == "into" or (may_write and _WRITING.fullmatch(word) is not None)
    return is_writing or (token["mark"] or "(") not in "()"


def _refused(found: str, where: str) -> ConfigError:
    return ConfigError(
        "one SELECT that only reads",
        found=found,
        where=where,
        do="Write one statement, its quotes and parentheses closed; put a column that is called "
        "like a command in quotes.",
    )
