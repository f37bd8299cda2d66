"""Where a source's files lie: what a folder and an object store have in common."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Found:
    """A file that was found.

    Args:
        key: its path in its place, with slashes.
        name: what it is called in messages and in `_source`.
        size: its bytes.
        version: what tells its content from another one of the same key, where the place knows.
    """

    key: str
    name: str
    size: int
    version: str = ""


class Place(Protocol):
    """A folder or a bucket."""

    @property
    def told(self) -> str:
        """What it is called in messages."""

    def find(self, pattern: str) -> list[Found]:
        """The files that a pattern finds, in the order of their keys; of a folder those in it.

        Hidden files, markers, and files that by their names some tool is still writing are none.

        Raises:
            SourceError: one lies outside of the place, or the place cannot be read.
        """

    def find_one(self, pattern: str) -> Found | None:
        """The first file that a pattern finds, whatever its name looks like.

        Raises:
            SourceError: the place cannot be read.
        """

    def nearest(self, pattern: str) -> str:
        """How far a pattern leads that finds nothing."""

    def open(self, found: Found) -> AbstractContextManager[Path]:
        """A file's content at a local path, held to be the same while the block runs.

        Raises:
            SourceError: it cannot be read.
            SourceUnavailableError: it changed, or is still being written.
        """
