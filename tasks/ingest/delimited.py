"""Split delimited text into fields, exactly and fast.

The bytes come in blocks of whole lines. A block without a quote, a NUL, a stray carriage return, a
blank line or a comment is read by Polars at once; it is safe because Polars refuses a row of too
many fields, and as many delimiters as the rows need leave none with too few. In any other block
each line is looked at, still in columns: those of the right shape go to Polars, and the few that
need a reader with a memory, such as a quoted text over several lines, go to Python's.

A line whose quote is opened and never rightly closed is held back alone: the lines after it are
read as if it were not there.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from tasks.ingest.lines import BOM, Dialect, Split, parse, split_lines
from tasks.ingest.parts import LINE


def split(
    block: bytes,
    names: list[str],
    dialect: Dialect,
    first_line: int,
    last: bool = True,
    cut: bool = False,
) -> Split:
    """Split a block.

    Args:
        block: whole lines of UTF-8, each with its newline.
        names: of the fields.
        dialect: how they are written.
        first_line: number of the block's first line.
        last: whether nothing follows the block.
        cut: whether the last line had no newline of its own.
    """
    if not cut and _is_plain(block, len(names), dialect):
        frame = parse(block, names, dialect, quoted=False)
        lines = block.count(b"\n")
        if frame is not None and frame.height == lines:
            numbers = pl.Series(LINE, np.arange(first_line, first_line + lines))
            return Split(lines, frame.with_columns(numbers))
    return split_lines(block, names, dialect, first_line, last, cut)


def _is_plain(block: bytes, width: int, dialect: Dialect) -> bool:
    if (
        (dialect.quote is not None and dialect.quote.encode() in block)
        or b"\0" in block
        or b"\n\n" in block
        or block.startswith((b"\n", b"\r\n", BOM.encode()))
    ):
        return False
    if b"\r" in block and (block.count(b"\r") != block.count(b"\r\n") or b"\n\r\n" in block):
        return False
    comment = dialect.comment and dialect.comment.encode()
    if comment and (block.startswith(comment) or b"\n" + comment in block):
        return False
    codes = np.frombuffer(block, dtype=np.uint8)
    delimiters = np.count_nonzero(codes == ord(dialect.delimiter))
    return int(delimiters) == int(np.count_nonzero(codes == ord("\n"))) * (width - 1)
