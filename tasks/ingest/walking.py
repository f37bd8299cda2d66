"""Walk a folder by a pattern; what cannot be looked at is told, and never passed over."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from tasks.core.errors import SourceError
from tasks.ingest.names import is_wild, matcher


def walk(folder: Path, pattern: str) -> list[Path]:
    """The files, and links that lead nowhere, that a pattern finds, in the order of their paths.

    Raises:
        SourceError: a folder on the way cannot be listed, or one below `**` is a link.
    """
    try:
        return sorted({Path(entry) for entry in _walk(folder, PurePosixPath(pattern).parts)})
    except OSError as error:
        raise _unlisted(folder / pattern, error) from error


def _walk(folder: Path, parts: Sequence[str]) -> Iterator[str | Path]:
    if not parts:
        return
    part, *rest = parts
    if not is_wild(part):
        here = folder / part
        if rest and here.is_dir():
            yield from _walk(here, rest)
        elif not rest and _is_file(here):
            yield here
    elif "**" in part:
        fits = matcher("/".join(parts))
        for entry in _below(folder):
            if fits(Path(entry).relative_to(folder).as_posix()):
                yield entry.path
    else:
        fits = matcher(part)
        for entry in _listed(folder):
            if not fits(entry.name):
                continue
            if rest and entry.is_dir():
                yield from _walk(Path(entry), rest)
            elif not rest and _is_file(Path(entry)):
                yield entry.path


def _below(folder: Path) -> Iterator[os.DirEntry[str]]:
    for entry in _listed(folder):
        if entry.is_dir():
            if entry.is_symlink() and not _is_hidden(entry.name):
                raise SourceError(
                    "folders themselves, no links to folders, below **",
                    found="a link to a folder",
                    where=entry.path,
                    do="Put the folder itself there, or name the folders in the source's path.",
                )
            if not entry.is_symlink():
                yield from _below(Path(entry))
        elif _is_file(Path(entry)):
            yield entry


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if _is_hidden(folder.name):
            return []
        raise _unlisted(folder, error) from error


def _unlisted(place: Path, error: OSError) -> SourceError:
    return SourceError(
        "a folder that can be listed",
        found=error.strerror or str(error),
        where=str(place),
        do="Check the folder's permissions and its disk.",
    )


def _is_file(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())


def _is_hidden(name: str) -> bool:
    return name.startswith((".", "_"))
