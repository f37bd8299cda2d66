"""A run: one execution's hold on a batch, the files it writes aside, and what it reads."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from tasks.core import parquet
from tasks.core.artifacts import Ref
from tasks.core.files import make_folder, replace, write_new
from tasks.core.keys import digest_bytes
from tasks.core.records import staging_path
from tasks.core.store import Store, confine

S = TypeVar("S")

_JOURNAL = "written.jsonl"
_PARTS = "parts"


@dataclass(slots=True)
class OpenTable(Generic[S]):
    """A table that a run is writing.

    Args:
        add: appends rows.
        ref: the finished file.
    """

    add: Callable[[pl.DataFrame], None]
    ref: Ref[S] | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One execution's hold on a batch: where it writes, and what it may publish.

    Reads see the run's own files first and published ones otherwise.

    Args:
        store: the store.
        pipeline: the pipeline.
        batch: the batch date, or the name of another unit.
        attempt: a name no other execution has.
        fence: the fence of the lease held.
    """

    store: Store
    pipeline: str
    batch: str
    attempt: str
    fence: int

    @property
    def staging(self) -> Path:
        """The folder this run writes in."""
        return staging_path(self.store, self.pipeline, self.batch) / self.attempt

    def write_table(
        self,
        made: type[S],
        frame: pl.LazyFrame | pl.DataFrame,
        uri: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Ref[S]:
        """Write a table aside; it is published when the run commits."""
        path = confine(self.staging, uri)
        written = parquet.write(frame, path, metadata)
        return self._note(Ref(uri, written.sha256, written.rows, made.__name__.lower()))

    @contextlib.contextmanager
    def open_table(
        self,
        made: type[S],
        schema: pl.Schema,
        uri: str,
        metadata: Mapping[str, str] | None = None,
    ) -> Iterator[OpenTable[S]]:
        """Write a table aside, frame by frame; its reference is there once the block has ended."""
        path = confine(self.staging, uri)
        with parquet.open_table(path, schema, metadata) as writer:
            table: OpenTable[S] = OpenTable(writer.add)
            yield table
        table.ref = self._note(Ref(uri, writer.sha256, writer.rows, made.__name__.lower()))

    def write_bytes(self, made: type[S], content: bytes, uri: str) -> Ref[S]:
        """Write a file that is not a table aside; it is published when the run commits."""
        write_new(confine(self.staging, uri), content)
        return self._note(Ref(uri, digest_bytes(content), 0, made.__name__.lower()))

    def write_part(self, made: type[S], frame: pl.DataFrame) -> Ref[S]:
        """Write a table that this run alone reads; it is never published.

        Processes that write the same rows write the same file.
        """
        folder = self.staging / _PARTS
        make_folder(folder)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".new", delete=False) as aside:
            written = parquet.write(frame, Path(aside.name))
        uri = f"{_PARTS}/{written.sha256}.parquet"
        replace(Path(aside.name), self.staging / uri)
        return Ref(uri, written.sha256, written.rows, made.__name__.lower())

    def discard_part(self, ref: Ref[Any]) -> None:
        """Take away what `write_part` wrote."""
        confine(self.staging, ref.uri).unlink(missing_ok=True)

    def keep(self, ref: Ref[S]) -> Ref[S]:
        """Have the new record list a file the batch published before, which stays where it is.

        What a batch published and its next record does not list is taken away.

        Raises:
            IntegrityError: the file is missing, or its bytes are not the ones committed.
        """
        self.store.verify(ref)
        make_folder(self.staging)
        return self._note(ref)

    def discard(self, ref: Ref[Any]) -> None:
        """Take back a file this run wrote for its own use."""
        confine(self.staging, ref.uri).unlink()
        self._note(dataclasses.replace(ref, sha256=""))

    def path(self, ref: Ref[Any]) -> Path:
        """Where a file lies now, its digest checked."""
        staged = confine(self.staging, ref.uri)
        return self.store.verify(ref, staged if staged.is_file() else None)

    def scan(self, ref: Ref[Any]) -> pl.LazyFrame:
        """A table, verified, as a lazy frame."""
        return pl.scan_parquet(self.path(ref), hive_partitioning=False)

    def read_bytes(self, ref: Ref[Any]) -> bytes:
        """A file's bytes, verified."""
        return self.path(ref).read_bytes()

    def written(self) -> tuple[Ref[Any], ...]:
        """The files this run wrote so far, the last writing of each, by URI."""
        journal = self.staging / _JOURNAL
        if not journal.is_file():
            return ()
        lines = map(json.loads, journal.read_text().splitlines())
        latest: dict[str, Ref[Any]] = {line["uri"]: Ref(**line) for line in lines}
        return tuple(latest[uri] for uri in sorted(latest) if latest[uri].sha256)

    def _note(self, ref: Ref[S]) -> Ref[S]:
        with (self.staging / _JOURNAL).open("a") as journal:
            journal.write(json.dumps(dataclasses.asdict(ref)) + "\n")
        return ref
