"""A folder with files, and the signs that one of them is still being written."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.core.errors import SourceError, SourceUnavailableError
from tasks.ingest.names import is_data, is_wild
from tasks.ingest.places import Found
from tasks.ingest.walking import walk

_DO = "Run again once whoever writes the file is done; have it renamed into place."


class Folder:
    """The pipeline's folder, as a place of files.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def told(self) -> str:
        return str(self._folder)

    def find(self, pattern: str) -> list[Found]:
        paths = [path for path in walk(self._folder, pattern) if is_data(self._key(path), pattern)]
        return [self._found(path) for path in paths]

    def find_one(self, pattern: str) -> Found | None:
        paths = (path for path in walk(self._folder, pattern) if path.exists())
        return next((self._found(path) for path in paths), None)

    def nearest(self, pattern: str) -> str:
        """The first part of a pattern that is not there."""
        here = self._folder
        for part in Path(pattern).parts:
            if is_wild(part):
                return f"no file that fits {part} in {here}"
            if not (here / part).exists():
                return f"no {part} in {here}"
            here = here / part
        return f"no file at {here}"

    @contextmanager
    def open(self, found: Found) -> Iterator[Path]:
        path = self._folder / found.key
        try:
            check_unwritten(path, found.name)
            _check_same(path, found)
            yield path
            _check_same(path, found)
        except OSError as error:
            raise SourceError(
                "a file that can be read",
                found=error.strerror or str(error),
                where=found.name,
                do="Check the file's permissions and its disk.",
            ) from error

    def _key(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _found(self, path: Path) -> Found:
        is_inside = path.exists() and path.resolve().is_relative_to(self._folder.resolve())
        if not is_inside:
            raise SourceError(
                "files below the pipeline's folder",
                found="a link out of it" if path.exists() else "a link to a file that is not there",
                where=str(path),
                do="Put the file itself there, or move the pipeline file above it.",
            )
        key, state = self._key(path), path.stat()
        return Found(key, key, state.st_size, _version(state))


def _version(state: os.stat_result) -> str:
    return f"{state.st_size} bytes, changed at {state.st_mtime_ns}, number {state.st_ino}"


def _check_same(path: Path, found: Found) -> None:
    if _version(path.stat()) != found.version:
        raise SourceUnavailableError(
            "a file that stays as it is while it is read",
            found="it changed",
            where=found.name,
            do=_DO,
        )


def check_unwritten(path: Path, name: str) -> None:
    """Hold that nobody has a file open for writing, where the system can tell.

    Linux grants a read lease on a file of one's own only while nobody does. The lease is given
    back at once; a writer who comes in between waits for it and is not disturbed.

    Raises:
        SourceUnavailableError: somebody has.
        OSError: the file cannot be opened.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        # What tells of a broken lease would end the process; this signal is ignored by default.
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            raise SourceUnavailableError(
                "a file that nobody has open for writing",
                found="somebody has",
                where=name,
                do=_DO,
            ) from error
    else:
        with contextlib.suppress(OSError):
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    finally:
        os.close(handle)
