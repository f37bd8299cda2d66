"""Files in every format, and ways in which they are damaged on their way."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import lzma
import random
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

ROWS = 90
SCHEMA = {"id": "i32", "name": "str", "price": "f64", "at": "datetime"}
TABLE = pl.DataFrame(
    {
        "id": range(1, ROWS + 1),
        "name": [None if n % 7 == 0 else f'Zoë "{n}", {n * 31 % 97}' for n in range(ROWS)],
        "price": [None if n % 5 == 0 else n / 4 for n in range(ROWS)],
        "at": [dt.datetime(2010, 1, 4) + dt.timedelta(minutes=n) for n in range(ROWS)],
    },
    schema={"id": pl.Int32, "name": pl.String, "price": pl.Float64, "at": pl.Datetime("us")},
)
PLAIN = TABLE.with_columns(pl.col("at").dt.to_string("%Y-%m-%d %H:%M:%S"))
IMAGES = np.arange(ROWS * 6, dtype=np.uint8).reshape(ROWS, 2, 3)
_PARTS = 3


def _csv() -> bytes:
    return PLAIN.write_csv().encode()


def _streams(compress: Callable[[bytes], bytes]) -> bytes:
    """Text compressed in some streams one after the other, as parallel tools write it."""
    text = _csv()
    size = len(text) // _PARTS + 1
    return b"".join(compress(text[start : start + size]) for start in range(0, len(text), size))


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", _csv())
    return out.getvalue()


def _fixed() -> bytes:
    lines = [f"{row['id']:>6}{row['price'] or '':>8}{row['at']}" for row in PLAIN.to_dicts()]
    return ("\n".join(lines) + "\n").encode()


def _parquet(**options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(TABLE.to_arrow(), out, row_group_size=ROWS // _PARTS, **options)
    return out.getvalue()


def _arrow(opener: Any) -> bytes:
    out = io.BytesIO()
    table = TABLE.to_arrow(compat_level=pl.CompatLevel.oldest())
    with opener(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=ROWS // _PARTS)
    return out.getvalue()


def _avro(compression: Any) -> bytes:
    out = io.BytesIO()
    TABLE.write_avro(out, compression=compression)
    return out.getvalue()


def _openpyxl() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in (TABLE.columns, *TABLE.rows()):
        book.active.append(row)
    book.save(out)
    return out.getvalue()


def _xlsxwriter() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        TABLE.write_excel(book)
    return out.getvalue()


def _npz(save: Callable[..., None]) -> bytes:
    out = io.BytesIO()
    save(out, id=np.arange(ROWS), pixels=IMAGES)
    return out.getvalue()


def _idx(values: np.ndarray[Any, Any]) -> bytes:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    return header + values.tobytes()


@dataclass(frozen=True)
class Kind:
    """A format.

    Args:
        name: of the file.
        make: its content.
        source: how it is declared, where not by its ending and the table's schema.
        beside: files that belong to it and stay whole.
        sealed: whether the format itself shows that something is missing.
    """

    name: str
    make: Callable[[], bytes]
    source: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, bytes] = field(default_factory=dict)
    sealed: bool = True


_PIXELS = {"schema": {"id": "u8", "pixels": "array(u8, 2, 3)"}}
_IDX = {"format": "idx", "arrays": {"id": "labels", "pixels": "images"}, **_PIXELS}
_LABELS = {"a-labels": _idx(np.arange(ROWS, dtype=np.uint8))}
_FIXED = {
    "format": "fixed",
    "header": False,
    "widths": [6, 8, 19],
    "schema": {name: SCHEMA[name] for name in ("id", "price", "at")},
}

KINDS = [
    Kind("a.csv", _csv, sealed=False),
    Kind("a.tsv", lambda: PLAIN.write_csv(separator="\t").encode(), sealed=False),
    Kind("a.dat", _fixed, _FIXED, sealed=False),
    Kind("a.ndjson", lambda: PLAIN.write_ndjson().encode(), sealed=False),
    Kind("a.json", lambda: json.dumps(PLAIN.to_dicts()).encode(), sealed=False),
    Kind("a.csv.gz", lambda: _streams(gzip.compress)),
    Kind("a.csv.bz2", lambda: _streams(bz2.compress)),
    Kind("a.csv.xz", lambda: _streams(lzma.compress)),
    # PyArrow writes frames of zstd without a checksum, so that damage may look like other text.
    Kind(
        "a.csv.zst",
        lambda: _streams(lambda t: pa.compress(t, "zstd", asbytes=True)),
        sealed=False,
    ),
    Kind("a.csv.zip", _zip),
    Kind("a.parquet", _parquet),
    Kind("b.parquet", lambda: _parquet(compression="none", use_dictionary=False)),
    Kind("a.arrow", lambda: _arrow(pa.ipc.new_file)),
    Kind("b.arrow", lambda: _arrow(pa.ipc.new_stream)),
    Kind("a.avro", lambda: _avro("uncompressed")),
    Kind("b.avro", lambda: _avro("deflate")),
    Kind("c.avro", lambda: _avro("snappy")),
    Kind("a.xlsx", _openpyxl),
    Kind("b.xlsx", _xlsxwriter),
    Kind("a.npz", lambda: _npz(np.savez), _PIXELS),
    Kind("b.npz", lambda: _npz(np.savez_compressed), _PIXELS),
    Kind("a-images", lambda: _idx(IMAGES), _IDX, _LABELS),
    Kind("a-images.gz", lambda: gzip.compress(_idx(IMAGES)), _IDX, _LABELS),
]

Damage = Callable[[bytes, random.Random], bytes]


def _somewhere(content: bytes, chance: random.Random) -> tuple[int, int]:
    first = chance.randrange(len(content))
    return first, min(len(content), first + chance.choice([1, 2, 8, 40, 300]))


def _flip(content: bytes, chance: random.Random, count: int = 1) -> bytes:
    flipped = bytearray(content)
    for _ in range(count):
        flipped[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _flip_at_an_end(content: bytes, chance: random.Random) -> bytes:
    """What formats say of themselves stands at their start or end."""
    flipped = bytearray(content)
    place = chance.randrange(min(200, len(content)))
    flipped[place if chance.random() < 0.4 else -1 - place] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _without(content: bytes, chance: random.Random) -> bytes:
    first, end = _somewhere(content, chance)
    return content[:first] + content[end:]


def _doubled(content: bytes, chance: random.Random) -> bytes:
    first, end = _somewhere(content, chance)
    return content[:end] + content[first:]


def _inserted(content: bytes, chance: random.Random) -> bytes:
    first, end = _somewhere(content, chance)
    return content[:first] + chance.randbytes(end - first) + content[first:]


def _overwritten(content: bytes, chance: random.Random) -> bytes:
    first, end = _somewhere(content, chance)
    return content[:first] + chance.randbytes(end - first) + content[end:]


def _zeroed(content: bytes, chance: random.Random) -> bytes:
    first, end = _somewhere(content, chance)
    return content[:first] + bytes(end - first) + content[end:]


def _swapped(content: bytes, chance: random.Random) -> bytes:
    one, two, three, four = sorted(chance.randrange(len(content) + 1) for _ in range(4))
    middle = content[two:three]
    return content[:one] + content[three:four] + middle + content[one:two] + content[four:]


DAMAGES: dict[str, Damage] = {
    "cut": lambda content, chance: content[: chance.randrange(len(content))],
    "cut late": lambda content, chance: content[: -chance.randrange(1, min(40, len(content)))],
    "beheaded": lambda content, chance: content[chance.randrange(1, len(content)) :],
    "flipped": _flip,
    "flipped often": lambda content, chance: _flip(content, chance, 20),
    "flipped at an end": _flip_at_an_end,
    "without some": _without,
    "doubled": _doubled,
    "inserted": _inserted,
    "overwritten": _overwritten,
    "zeroed": _zeroed,
    "swapped": _swapped,
    "behind": lambda content, chance: content + chance.randbytes(chance.choice([1, 5, 100])),
    "zeros behind": lambda content, chance: content + bytes(chance.choice([1, 5, 5000])),
    "before": lambda content, chance: chance.randbytes(chance.choice([1, 5])) + content,
    "twice": lambda content, _: content + content,
    "returns": lambda content, _: content.replace(b"\n", b"\r\n"),
    "old returns": lambda content, _: content.replace(b"\n", b"\r"),
    "as text": lambda content, _: content.decode("latin-1").encode("utf-8"),
    "empty": lambda *_: b"",
}
