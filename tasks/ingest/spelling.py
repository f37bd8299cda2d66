"""Numbers and booleans as people write them, in the spelling that texts are read in."""

from __future__ import annotations

import re

import polars as pl

from tasks.ingest.schema import ColumnType


def plain(text: pl.Expr, column: ColumnType) -> pl.Expr:
    """A text in the plain spelling; null where it is not in the declared one.

    `1.234,50` becomes `1234.50` where the decimal is a comma and thousands a point; `1.5` becomes
    null there: it could be meant either way. A number without groups is one, too.
    """
    if column.true or column.false:
        words = dict.fromkeys(column.true, "true") | dict.fromkeys(column.false, "false")
        return text.replace(words)
    if column.decimal == "." and column.thousands is None:
        return text
    decimal, digits = re.escape(column.decimal), "[0-9]+"
    if column.thousands:
        digits = rf"(?:[0-9]+|[0-9]{{1,3}}(?:{re.escape(column.thousands)}[0-9]{{3}})+)"
    shaped = text.str.contains(rf"^[+-]?{digits}?(?:{decimal}[0-9]*)?(?:[eE][+-]?[0-9]+)?$")
    spelled = text.str.replace_all(column.thousands, "", literal=True) if column.thousands else text
    return pl.when(shaped).then(spelled.str.replace(column.decimal, ".", literal=True))
