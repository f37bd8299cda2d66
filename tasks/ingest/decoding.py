"""Turn a stream of bytes in any encoding into blocks of whole lines in UTF-8."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from tasks.core.errors import SourceError

_BLOCK_BYTES = 4 * 1024 * 1024
_MAX_LINE_BYTES = 64 * 1024 * 1024


def blocks_of_lines(
    stream: BinaryIO, name: str, encoding: str
) -> Iterator[tuple[bytes, bool, bool]]:
    """Cut a stream behind newlines.

    A byte that the encoding does not know becomes one that UTF-8 does not know either, so that the
    line it stands in can be held back.

    Args:
        stream: the bytes.
        name: what they are called in messages.
        encoding: what they are written in.

    Yields:
        A block of whole lines, each with its newline; whether it is the last; and whether its last
        line had no newline of its own. The last block of a stream that ends in a newline is empty.

    Raises:
        SourceError: a line is too long, or the bytes are not of the declared encoding at all.
    """
    waiting = b""
    for chunk in _as_utf8(stream, name, encoding):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield waiting + chunk[:end], False, False
            waiting = chunk[end:]
        else:
            waiting += chunk
        if len(waiting) > _MAX_LINE_BYTES:
            raise SourceError(
                f"lines of at most {_MAX_LINE_BYTES >> 20} MiB",
                found="a longer one",
                where=name,
                do="Check that the file is the text it should be, and its newlines.",
            )
    if waiting:
        yield waiting + b"\n", True, True
    else:
        yield b"", True, False


def _as_utf8(stream: BinaryIO, name: str, encoding: str) -> Iterator[bytes]:
    if "\n,".encode(encoding) != b"\n,":
        yield from _strictly(stream, name, encoding)
        return
    chunk = stream.read(max(_BLOCK_BYTES, len(codecs.BOM_UTF8)))
    _refuse_utf16(chunk, name)
    if encoding == "utf-8":
        yield chunk.removeprefix(codecs.BOM_UTF8)
        while chunk := stream.read(_BLOCK_BYTES):
            yield chunk
        return
    waiting = b""
    while chunk:
        # A character of several bytes never holds a newline, but a chunk may end inside of one.
        end = chunk.rfind(b"\n") + 1
        if end:
            yield _reencode(waiting + chunk[:end], encoding)
        waiting = chunk[end:] if end else waiting + chunk
        chunk = stream.read(_BLOCK_BYTES)
    yield _reencode(waiting, encoding)


def _reencode(content: bytes, encoding: str) -> bytes:
    return content.decode(encoding, "surrogateescape").encode("utf-8", "surrogatepass")


def _strictly(stream: BinaryIO, name: str, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := stream.read(_BLOCK_BYTES):
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise SourceError(
            f"text in {encoding}",
            found=str(error),
            where=name,
            do="Ask who sends the file which encoding it is in, and declare it.",
        ) from error


def _refuse_utf16(chunk: bytes, name: str) -> None:
    if chunk.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise SourceError(
            "text in an encoding that keeps ASCII",
            found="the byte order mark of UTF-16",
            where=name,
            do="Set encoding: utf-16.",
        )
