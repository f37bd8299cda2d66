"""Decode the Content-Encoding of an answer, and notice one that is cut short or has garbage behind.

HTTP clients end in silence where the compressed data do, or at the first of several gzip members:
what was cut off would be missing and nobody told.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Final

ACCEPTED: Final = "gzip, deflate"

_CHUNK_BYTES = 1 << 20
_GZIP, _ZLIB, _RAW = zlib.MAX_WBITS | 16, zlib.MAX_WBITS, -zlib.MAX_WBITS


def decode(chunks: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """The bytes behind a coding, at most a MiB at a time.

    Args:
        chunks: as they came.
        coding: value of the Content-Encoding header; empty for none.

    Raises:
        ValueError: the coding is not one of those accepted, or the bytes are not whole in it.
    """
    name = coding.strip().lower()
    if name in {"", "identity"}:
        yield from chunks
    elif name in {"gzip", "x-gzip"}:
        yield from _inflate(chunks, _GZIP)
    elif name == "deflate":
        yield from _inflate(chunks, None)
    else:
        raise ValueError(f"the content is encoded as {name[:40]!r}, which was not asked for")


def _inflate(chunks: Iterable[bytes], window: int | None) -> Iterator[bytes]:
    stream, started = None, False
    for chunk in chunks:
        waiting = chunk
        while waiting:
            if stream is None:
                if started and window != _GZIP:
                    raise ValueError("bytes behind the end of the compressed content")
                window = window or (_ZLIB if _is_zlib(waiting) else _RAW)
                stream, started = zlib.decompressobj(window), True
            try:
                yield stream.decompress(waiting, _CHUNK_BYTES)
            except zlib.error as error:
                raise ValueError(f"the compressed content is damaged: {error}") from None
            waiting = stream.unused_data if stream.eof else stream.unconsumed_tail
            stream = None if stream.eof else stream
    while stream is not None and (tail := stream.decompress(b"", _CHUNK_BYTES)):
        yield tail
    if not started or (stream is not None and not stream.eof):
        raise ValueError("the compressed content is cut short")


def _is_zlib(start: bytes) -> bool:
    """Whether a deflate stream begins with the header it should have; some servers leave it out."""
    return start[0] & 0x0F == 8 and (len(start) < 2 or int.from_bytes(start[:2], "big") % 31 == 0)
