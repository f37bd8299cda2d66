"""Patterns of Python and of SQL, rewritten for Rust's regular expressions."""

from __future__ import annotations

import re
from functools import lru_cache

import polars as pl
from polars.exceptions import ComputeError

from expectations.engine.errors import PatternError

_IN_A_CLASS = {"[": r"\[", "&": r"\&", "~": r"\~"}
_END_OF_TEXT = r"(?:\n?\z)"


@lru_cache(maxsize=1024)
def rust_regex(pattern: str) -> str:
    """Rewrite a Python regular expression so that Rust's engine finds the same.

    Python's `$` also matches before a last line feed, `\\Z` is called `\\z`, and `[`, `&`, `~`
    mean themselves in a class.

    Args:
        pattern: as Python's `re.search` takes it.

    Returns:
        A pattern for `str.contains`.

    Raises:
        PatternError: Rust's engine has no such construct: look-around,
            back-references.
    """
    rewritten = _rewrite(pattern)
    try:
        pl.Series(["", None]).str.contains(rewritten)
    except ComputeError as error:
        cause = re.search(r"^error: (.+)", str(error), flags=re.MULTILINE)
        raise PatternError(
            f"the regular expression {pattern!r} cannot be used on Polars: "
            f"{cause.group(1) if cause else error}. Rust's engine has no look-around and no "
            "back-references; split the rule into several without them."
        ) from error
    return rewritten


def _rewrite(pattern: str) -> str:
    is_multiline = re.match(r"\(\?[a-z]*m", pattern) is not None
    written: list[str] = []
    is_in_class, at = False, 0
    while at < len(pattern):
        char, rest = pattern[at], pattern[at + 1 : at + 2]
        if char == "\\":
            written.append(r"\z" if rest == "Z" else char + rest)
            at += 2
            continue
        if is_in_class:
            written.append(_IN_A_CLASS.get(char, char))
            is_in_class = char != "]"
        elif char == "[":
            is_in_class = True
            # right after the bracket, and after its negation, a closing one means itself
            opening = re.compile(r"\[\^?\]?").match(pattern, at)
            head = opening.group(0) if opening else char
            written.append(head.replace("]", r"\]"))
            at += len(head)
            continue
        elif char == "$" and not is_multiline and rest in ("", ")", "|"):
            written.append(_END_OF_TEXT)
        else:
            written.append(char)
        at += 1
    return "".join(written)


@lru_cache(maxsize=1024)
def like_to_regex(pattern: str) -> str:
    """Rewrite a SQL LIKE pattern: `%` is any text, `_` any character, a backslash escapes.

    Args:
        pattern: matches the whole value and tells upper from lower case, as in standard SQL.

    Returns:
        A pattern for `str.contains`.
    """
    tokens = re.findall(r"\\.|.", pattern, flags=re.DOTALL)
    return r"(?s)\A" + "".join(map(_like_token, tokens)) + r"\z"


def _like_token(token: str) -> str:
    wildcard = {"%": ".*", "_": "."}.get(token)
    return wildcard if wildcard is not None else re.escape(token[-1])
