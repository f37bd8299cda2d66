"""Read compressed files as what they hold, up to a limit."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO

import pyarrow as pa

from tasks.core.errors import SourceError
from tasks.ingest.zip_layout import check_layout

_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
_CHUNK_BYTES = 1 << 20
_Opener = Callable[[Path], AbstractContextManager[Any]]


class Bounded(io.RawIOBase):
    """A stream that refuses to give more than a limit.

    Args:
        inner: where the bytes come from.
        limit: how many may come.
        name: what the file is called in messages.
    """

    def __init__(self, inner: IO[bytes], limit: int, name: str) -> None:
        self._inner, self._left, self._limit, self._name = inner, limit, limit, name

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; all that are left where it is negative.

        Raises:
            SourceError: they are more than the limit.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(_CHUNK_BYTES), b""))
        content = self._inner.read(min(size, self._left + 1))
        self._left -= len(content)
        if self._left < 0:
            raise too_large("more", self._name, self._limit)
        return content


def check_size(size: int, name: str, limit: int) -> None:
    """Hold that a file has no more bytes than it may, decompressed.

    Raises:
        SourceError: it has.
    """
    if size > limit:
        raise too_large(str(size), name, limit)


def too_large(found: str, name: str, limit: int) -> SourceError:
    """The error of a file that has more bytes than it may."""
    return SourceError(
        f"at most {limit} bytes in a file, decompressed",
        found=found,
        where=name,
        do="Check that the file is what it should be; if it is, raise max_file_bytes.",
    )


@contextmanager
def open_file(path: Path, name: str, limit: int) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressed by what its first bytes are.

    Args:
        path: the file.
        name: what it is called in messages.
        limit: bytes it may hold.

    Raises:
        SourceError: what is compressed is damaged, cut short, or too large.
    """
    with path.open("rb") as raw:
        start = raw.read(max(map(len, _OPENERS)))
    opener = next((o for magic, o in _OPENERS.items() if start.startswith(magic)), _plain)
    try:
        with opener(path) as stream:
            yield Bounded(stream, limit, name)  # type: ignore[misc]  # it reads; nothing more is asked
    except _DAMAGED as error:
        raise _refused(name, str(error) or type(error).__name__) from error
    except OSError as error:
        if opener is _plain or error.errno is not None:
            raise
        raise _refused(name, str(error)) from error  # how bz2 and zstd report damage


def _refused(name: str, found: str) -> SourceError:
    return SourceError(
        "a whole compressed file",
        found=found,
        where=name,
        do="Have the file sent again: it was cut short or damaged on its way.",
    )


def _plain(path: Path) -> BinaryIO:
    return path.open("rb")


@contextmanager
def _zstd(path: Path) -> Iterator[IO[bytes]]:
    with pa.OSFile(str(path)) as raw, pa.CompressedInputStream(raw, "zstd") as stream:
        yield stream


class _Streams(io.RawIOBase):
    """Compressed streams that follow each other, and nothing behind them.

    The standard library passes over what follows the first one if it cannot read it: the rest of
    the file, where a parallel tool has written it.

    Args:
        raw: the streams.
        make: makes what decompresses one.
        padding: what may stand between two.
    """

    def __init__(self, raw: IO[bytes], make: Callable[[], Any], padding: bytes = b"") -> None:
        self._raw, self._make, self._padding = raw, make, padding
        self._stream, self._waiting = make(), b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; none at the end.

        Raises:
            EOFError: a stream is cut short.
        """
        while True:
            if self._stream.eof:
                self._waiting = self._stream.unused_data or self._waiting
                self._waiting = self._waiting.lstrip(self._padding)
                if not self._waiting and not self._fill():
                    return b""
                if not self._waiting.lstrip(self._padding):
                    self._waiting = b""
                    continue
                self._stream = self._make()
            elif self._stream.needs_input and not self._waiting and not self._fill():
                raise EOFError("a compressed stream that is cut short")
            given, self._waiting = self._waiting, b""
            content: bytes = self._stream.decompress(given, size)
            if content:
                return content

    def _fill(self) -> bool:
        self._waiting = self._raw.read(_CHUNK_BYTES)
        return bool(self._waiting)


def _streams(make: Callable[[], Any], padding: bytes = b"") -> _Opener:
    @contextmanager
    def opener(path: Path) -> Iterator[IO[bytes]]:
        with path.open("rb") as raw:
            yield _Streams(raw, make, padding)  # type: ignore[misc]  # it reads; no more is asked

    return opener


@contextmanager
def _zip(path: Path) -> Iterator[IO[bytes]]:
    with _sound(path) as archive:
        check_layout(archive)
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise zipfile.BadZipFile(f"{len(members)} files in the archive, and one is expected")
        try:
            stream = archive.open(members[0])
        except (ValueError, RuntimeError) as error:  # a password, a method that nobody knows
            raise zipfile.BadZipFile(str(error)) from error
        with stream:
            yield stream


@contextmanager
def _sound(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive; what it raises where its directory is damaged is told as such."""
    try:
        archive = zipfile.ZipFile(path)
    except (ValueError, RuntimeError, OverflowError, struct.error) as error:
        raise zipfile.BadZipFile(str(error)) from error
    with archive:
        yield archive


_OPENERS: dict[bytes, _Opener] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": _streams(bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": _streams(lzma.LZMADecompressor, padding=b"\0"),
    b"\x28\xb5\x2f\xfd": _zstd,
    **{bytes([first]) + b"\x2a\x4d\x18": _zstd for first in range(0x50, 0x60)},  # frames to skip
    b"PK\x03\x04": _zip,
}
