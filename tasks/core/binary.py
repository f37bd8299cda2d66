"""Bytes where there is no type for them: in JSON, in CSV, in what is held back.

What is held back says how its bytes are written, so that no text is taken for the wrong bytes:
`base64:AP8=`, which a person may also give as `hex:00ff`. Long ones are told by their digest and
their size alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

import polars as pl

MAX_SHOWN_BYTES = 4_096

Bytes = bytes | bytearray | memoryview


def as_base64(name: str, dtype: pl.DataType) -> pl.Expr:
    """A column as JSON and CSV can have it: bytes in base64, all others as they are."""
    return pl.col(name).bin.encode("base64") if dtype == pl.Binary else pl.col(name)


def as_json(schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Rows as JSON objects of some columns, in which bytes are told as `tell` does."""
    return pl.struct(_told(name, dtype) for name, dtype in schema.items()).struct.json_encode()


def tell(value: Bytes) -> str:
    """Bytes as text; long ones by their digest."""
    if len(value) > MAX_SHOWN_BYTES:
        return f"sha256:{hashlib.sha256(value).hexdigest()} of {len(value)} bytes"
    return f"base64:{to_base64(value)}"


def to_base64(value: Bytes) -> str:
    """Bytes in base64 (RFC 4648), padded."""
    return base64.b64encode(value).decode()


def untell(text: str) -> bytes:
    """The bytes that a text tells.

    Raises:
        ValueError: it does not say how they are written, or they are not written so.
    """
    written, _, content = text.partition(":")
    try:
        return _DECODERS[written](content)
    except (KeyError, binascii.Error) as error:
        raise ValueError("no bytes written as base64:… or hex:…") from error


def _told(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype != pl.Binary:
        return pl.col(name)
    column = pl.col(name)
    long = column.map_batches(_tell_all, return_dtype=pl.String)
    short = pl.lit("base64:") + column.bin.encode("base64")
    return pl.when(column.bin.size() <= MAX_SHOWN_BYTES).then(short).otherwise(long).alias(name)


def _tell_all(values: pl.Series) -> pl.Series:
    told = [None if value is None else tell(value) for value in values]
    return pl.Series(values.name, told, dtype=pl.String)


def _of_base64(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if to_base64(value) != text:
        raise binascii.Error("other bytes are written like this too")
    return value


_DECODERS = {"base64": _of_base64, "hex": binascii.unhexlify}
