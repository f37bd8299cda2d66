"""Find a source's files and open them, compressed or not."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from tasks.core.errors import SourceError, SourceMissingError, SourceUnavailableError
from tasks.ingest.templates import expand_date

_Opener = Callable[[Path], AbstractContextManager[Any]]
_OPENERS: dict[bytes, _Opener] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


def find_files(template: str, date: dt.date, folder: Path) -> list[Path]:
    """The files of a batch date, in the order of their names.

    Args:
        template: pattern relative to the folder.
        date: the batch date.
        folder: the pipeline's folder.

    Raises:
        SourceMissingError: there is none.
        SourceError: one lies outside of the folder, through a link.
    """
    pattern = expand_date(template, date)
    inside = folder.resolve()
    found = sorted(p for p in folder.glob(pattern) if p.is_file() and not _is_hidden(p, folder))
    if not found:
        raise SourceMissingError(
            f"at least one file at {pattern}",
            found=_nearest(folder, pattern),
            where=str(folder),
            do="Check that the drop of this date has arrived and that the source's path is right.",
        )
    for path in found:
        if not path.resolve().is_relative_to(inside):
            raise SourceError(
                "files below the pipeline's folder",
                found="a link out of it",
                where=str(path),
                do="Put the file itself there, or move the pipeline file above it.",
            )
    return found


def _is_hidden(path: Path, folder: Path) -> bool:
    """Whether a name below the folder begins with a dot: a file some tool is still writing."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _nearest(folder: Path, pattern: str) -> str:
    """How far a pattern leads: the first part of it that is not there."""
    here = folder
    for part in Path(pattern).parts:
        if any(mark in part for mark in "*?["):
            return f"no file that fits {part} in {here}"
        if not (here / part).exists():
            return f"no {part} in {here}"
        here = here / part
    return f"no file at {here}"


def _plain(path: Path) -> BinaryIO:
    return path.open("rb")


@contextmanager
def open_file(path: Path, name: str) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressed by what its first bytes are.

    Args:
        path: the file.
        name: what it is called in messages.

    Raises:
        SourceError: it cannot be read, or what is compressed is damaged or cut short.
        SourceUnavailableError: it changed while it was read.
    """
    try:
        before = path.stat()
        with path.open("rb") as raw:
            start = raw.read(max(map(len, _OPENERS)))
        opener = next((o for magic, o in _OPENERS.items() if start.startswith(magic)), _plain)
        with opener(path) as stream:
            yield stream
        after = path.stat()
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError) as error:
        raise SourceError(
            "a whole compressed file",
            found=f"{error}",
            where=name,
            do="Have the file sent again: it was cut short or damaged on its way.",
        ) from error
    except OSError as error:
        raise SourceError(
            "a file that can be read",
            found=error.strerror or str(error),
            where=name,
            do="Check the file's permissions and its disk; bytes may be damaged.",
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceUnavailableError(
            "a file that stays as it is while it is read",
            found="it changed",
            where=name,
            do="Run again once whoever writes the file is done; have it renamed into place.",
        )
