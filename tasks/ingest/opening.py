"""Find a source's files, and notice one that is still being written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import SourceError, SourceMissingError, SourceUnavailableError
from tasks.ingest.templates import expand_date

_PARTIAL = (".tmp", ".part", ".partial", ".crdownload", "~")


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
    found = sorted(p for p in folder.glob(pattern) if p.is_file() and not _is_partial(p, folder))
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


def check_ready(template: str, date: dt.date, folder: Path) -> None:
    """Hold that the file is there which says that a drop is complete.

    Raises:
        SourceMissingError: it is not.
    """
    pattern = expand_date(template, date)
    if not any(path.is_file() for path in folder.glob(pattern)):
        raise SourceMissingError(
            f"a file at {pattern}, which says that the drop is complete",
            found=_nearest(folder, pattern),
            where=str(folder),
            do="Run again once whoever sends the files has finished.",
        )


def _is_partial(path: Path, folder: Path) -> bool:
    """Whether a file by its name is one that some tool is still writing, or only marks others."""
    parts = path.relative_to(folder).parts
    hidden = any(part.startswith(".") for part in parts)
    return hidden or path.name.startswith("_") or path.name.endswith(_PARTIAL)


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


@contextmanager
def unchanging(path: Path, name: str) -> Iterator[None]:
    """Hold that a file stays as it is while the block reads it.

    Args:
        path: the file.
        name: what it is called in messages.

    Raises:
        SourceError: it cannot be read.
        SourceUnavailableError: it changed while it was read.
    """
    try:
        before = path.stat()
        yield
        after = path.stat()
    except OSError as error:
        raise SourceError(
            "a file that can be read",
            found=error.strerror or str(error),
            where=name,
            do="Check the file's permissions and its disk.",
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise SourceUnavailableError(
            "a file that stays as it is while it is read",
            found="it changed",
            where=name,
            do="Run again once whoever writes the file is done; have it renamed into place.",
        )
