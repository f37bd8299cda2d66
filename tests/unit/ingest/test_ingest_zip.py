"""An archive whose directory says something else than what stands in it is refused."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tasks.core.errors import SourceError
from tests.unit.ingest.conftest import Land

TEXT = b"id,name\n1,a\n2,b\n3,c\n"
SHORT = TEXT[:-8]
SOURCE = {"kind": "files", "path": "a.csv.zip", "schema": {"id": "i32", "name": "str"}}


def _zipped(content: bytes = TEXT, method: int = zipfile.ZIP_DEFLATED, **how: Any) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive, archive.open("a.csv", "w", **how) as file:
        file.write(content)
    return sink.getvalue()


class _Unseekable(io.RawIOBase):
    """Has zipfile put a file's sizes behind it, as it does where it streams."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.content += bytes(content)
        return len(content)


def _streamed() -> bytes:
    sink = _Unseekable()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
        archive.writestr("a.csv", TEXT)
    return sink.content


def _lying(content: bytes, packed: bool) -> bytes:
    """Its directory says that it is shorter, with the checksum of that."""
    lying = bytearray(content)
    entry = lying.index(b"PK\x01\x02")
    struct.pack_into("<L", lying, entry + 16, zlib.crc32(SHORT))
    struct.pack_into("<L", lying, entry + 24, len(SHORT))
    if packed:
        struct.pack_into("<L", lying, entry + 20, len(SHORT))
    return bytes(lying)


def _hiding(content: bytes) -> bytes:
    """One more file, which its directory leaves out."""
    directory, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    other = _zipped(b"id,name\n4,d\n")
    hidden = other[: other.index(b"PK\x01\x02")]
    hiding = bytearray(content[:directory] + hidden + content[directory:])
    struct.pack_into("<L", hiding, end + len(hidden) + 16, directory + len(hidden))
    return bytes(hiding)


@pytest.mark.parametrize(
    "write", [_zipped, _streamed, lambda: _zipped(force_zip64=True), lambda: _zipped(method=0)]
)
def test_a_sound_archive_is_read(write: Callable[[], bytes], folder: Path, land: Land) -> None:
    (folder / "a.csv.zip").write_bytes(write())
    assert land(SOURCE).rows.height == 3


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (_lying(_zipped(), packed=False), "described in two ways"),
        (_lying(_zipped(method=0), packed=True), "described in two ways"),
        (_lying(_streamed(), packed=False), "described in two ways"),
        (_hiding(_zipped()), "before the directory"),
        (_zipped() + _zipped(SHORT), "that are no file"),
    ],
)
def test_an_archive_that_lies_is_refused(
    content: bytes, told: str, folder: Path, land: Land
) -> None:
    (folder / "a.csv.zip").write_bytes(content)
    with pytest.raises(SourceError, match=told):
        land(SOURCE)
