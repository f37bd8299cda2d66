"""The store: one folder of files that are read only after their digest was checked.

```
arrivals/<pipeline>/<source>/batch_date=D/                     what a night read, kept
landed/ valid/ prepared/ features/ labels/ examples/ scores/   <pipeline>/<table>/batch_date=D/
history/<pipeline>/<table>/batch_date=D/                       a date prepared for later nights
tallies/<pipeline>/<table>/batch_date=D/                       what entities' rows up to it come to
models/<pipeline>/<version>/                                   bundles, named by content
reports/<pipeline>/<table>/batch_date=D/                       the public tables and pages
commits/<pipeline>/<batch>.json                                what was published, by digest
delta/<pipeline>/<table>/                                      copies of the public tables
incidents/<pipeline>/batch_date=D/                             why a night was stopped
proofs/<pipeline>/no-leak.json                                 that no feature sees the future
staging/<pipeline>/<batch>/<attempt>/                          what a run is writing
checkpoints/<pipeline>/<run id>/<network>                      how far a training is
leases/<pipeline>/<batch>.lock                                 who may publish
```
"""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import polars as pl

from tasks.core.artifacts import Ref
from tasks.core.errors import DataError, IntegrityError, StoreError
from tasks.core.keys import digest_file

S = TypeVar("S")

FORMAT = 1
OWNER_ALONE = 0o700  # the mode the root is made with: whom it lets in sees all below it

_BATCH_DATE = re.compile(r"/batch_date=(\d{4}-\d{2}-\d{2})/")


def table_uri(
    layer: str, pipeline: str, table: str, batch_date: str, name: str = "part-0.parquet"
) -> str:
    """Where a table of one batch date lies: `<layer>/<pipeline>/<table>/batch_date=D/<name>`."""
    return f"{layer}/{pipeline}/{table}/batch_date={batch_date}/{name}"


def batch_date(ref: Ref[Any]) -> dt.date:
    """The batch date a table belongs to, read from its place.

    Raises:
        DataError: the table does not lie below `batch_date=YYYY-MM-DD`.
    """
    match = _BATCH_DATE.search(ref.uri)
    if match is None:
        raise DataError(
            "a table of one batch date, below batch_date=YYYY-MM-DD",
            found=ref.uri,
            where=f"stage {ref.stage}",
            do="This is a defect of the flow: please report it with this message.",
        )
    return dt.date.fromisoformat(match[1])


@dataclass(frozen=True, slots=True)
class Store:
    """A folder that holds everything a pipeline keeps.

    Args:
        root: the folder; made at the first write, for its owner alone. One that is there already
            keeps its mode.
    """

    root: Path

    def path(self, uri: str) -> Path:
        """The file a URI names, confined to the root.

        Raises:
            StoreError: the URI is absolute or climbs out of the root, by `..` or by a link.
        """
        return confine(self.root, uri)

    def verify(self, ref: Ref[Any], path: Path | None = None) -> Path:
        """Check a file against its digest.

        Args:
            ref: the reference.
            path: where the file lies now, if not at its published place.

        Returns:
            The file's path, safe to parse.

        Raises:
            IntegrityError: the file is missing, or its bytes are not the ones committed.
        """
        path = path or self.path(ref.uri)
        try:
            found = digest_file(path)
        except FileNotFoundError:
            found = "no such file"
        if found != ref.sha256:
            raise IntegrityError(
                f"a file with SHA-256 {ref.sha256}",
                found=found,
                where=str(path),
                do="Run its batch date again, or restore the file from a copy.",
            )
        return path

    def scan(self, ref: Ref[Any]) -> pl.LazyFrame:
        """A published table, verified, as a lazy frame."""
        return pl.scan_parquet(self.verify(ref), hive_partitioning=False)

    def read_bytes(self, ref: Ref[Any]) -> bytes:
        """A published file's bytes, verified."""
        return self.verify(ref).read_bytes()

    def check_format(self) -> None:
        """Refuse a store written by a later Lamplighter.

        Raises:
            StoreError: the store's format number is higher than this version knows.
        """
        mark = self.root / "lamplighter.json"
        if not mark.is_file():
            return
        found = json.loads(mark.read_text()).get("format")
        if not isinstance(found, int) or found > FORMAT:
            raise StoreError(
                f"a store of format {FORMAT} or lower",
                found=f"format {found}",
                where=str(mark),
                do="Install the Lamplighter that wrote this store, or a later one.",
            )


def confine(root: Path, uri: str) -> Path:
    """The file a URI names below a root.

    Raises:
        StoreError: the URI is absolute or climbs out of the root, by `..` or by a link.
    """
    pure = PurePosixPath(uri)
    path = root / pure
    inside = root.resolve()
    if (
        not uri
        or "\0" in uri
        or "\\" in uri
        or pure.is_absolute()
        or ".." in pure.parts
        or not path.resolve().is_relative_to(inside)
    ):
        raise StoreError(
            "a path inside the store",
            found=repr(uri),
            where=str(root),
            do="Use names without '..', without a leading '/', and without links out of the store.",
        )
    return path
