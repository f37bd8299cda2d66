"""The commit protocol: a run's files become the published ones all together, or not at all.

A run writes below `staging/`, each file made durable and noted with its digest. `commit` then
writes one record, `commits/<pipeline>/<batch>.json`, by rename: that is the moment the batch
changes from old to new. Publishing moves each staged file to its place. A crash before the record
leaves the old batch, and the next start throws the staging away; a crash after it leaves the new
one, and the next start moves the files that were not moved yet.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import glob
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import polars as pl

from tasks.core import lease, parquet
from tasks.core.artifacts import Ref
from tasks.core.errors import BusyError, IntegrityError, StoreError
from tasks.core.files import make_folder, replace, sync_folder, write_new, write_over
from tasks.core.keys import canonical_json, digest_bytes
from tasks.core.store import FORMAT, OWNER_ALONE, Store, confine

S = TypeVar("S")

_JOURNAL = "written.jsonl"
_SEAL = "sha256"
_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_PUBLISHER_WAIT_SECONDS = 30.0
_PRUNING_WAIT_SECONDS = 600.0

WITHDRAWN = "withdrawn"
PRUNING = "pruning"  # no batch: whoever takes away what has aged holds its lease


@dataclass(frozen=True, slots=True)
class Commit:
    """What was published for one batch.

    Args:
        pipeline: the pipeline.
        batch: the batch date, or the name of another unit that is published together.
        attempt: the execution that published it.
        fence: the fence of its lease.
        files: every file of the batch.
        facts: what else is true of it: run id, digests of config, inputs and code, versions.
    """

    pipeline: str
    batch: str
    attempt: str
    fence: int
    files: tuple[Ref[Any], ...]
    facts: Mapping[str, Any]

    def find(self, made: type[S], uri: str) -> Ref[S] | None:
        """The file at a URI, if this batch published one there and that stage made it."""
        stage = made.__name__.lower()
        return next((ref for ref in self.files if ref.uri == uri and ref.stage == stage), None)


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
        return _staging(self.store, self.pipeline, self.batch) / self.attempt

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


@contextlib.contextmanager
def open_run(
    store: Store, pipeline: str, batch: str, attempt: str, wait_seconds: float = 0.0
) -> Iterator[Run]:
    """Hold a batch's lease, mend what an earlier crash left, and give a run to write with.

    What the run has not committed when the block ends is thrown away.

    Raises:
        BusyError: another run holds the lease, or the pipeline is being pruned for too long.
        StoreError: the disk is full or fails while the run writes.
    """
    store.check_format()
    make_folder(store.root, OWNER_ALONE)
    mark = store.root / "lamplighter.json"
    if not mark.exists():
        write_over(mark, canonical_json({"format": FORMAT}))
    with lease.hold(_lease(store, pipeline, batch), attempt, wait_seconds) as fence:
        # The pruner looks at the leases once it has its own: one of the two sees the other.
        lease.wait_until_free(_lease(store, pipeline, PRUNING), attempt, _PRUNING_WAIT_SECONDS)
        _recover(store, pipeline, batch)
        run = Run(store, pipeline, batch, attempt, fence)
        try:
            yield run
        except OSError as error:
            if error.errno not in _DISK_FAULTS:
                raise
            raise StoreError(
                "a store that can be written",
                found=os.strerror(error.errno),
                where=str(error.filename or store.root),
                do="Free space or mend the disk, and run again; what was published before stays.",
            ) from error
        finally:
            if not _is_half_published(run):
                shutil.rmtree(_staging(store, pipeline, batch), ignore_errors=True)


def _is_half_published(run: Run) -> bool:
    """Whether the batch's record is this run's, and what is staged still has to be moved."""
    if not run.staging.is_dir():
        return False
    try:
        record = _read_record(run.store, run.pipeline, run.batch)
    except IntegrityError:
        return True  # nobody can say: what is staged may be all there is
    return record is not None and record.attempt == run.attempt


def commit(run: Run, facts: Mapping[str, Any]) -> Commit:
    """Publish everything the run wrote, and take away what the batch published before.

    Raises:
        BusyError: a later holder has fenced this run off; nothing was published.
    """
    lock = _lease(run.store, run.pipeline, run.batch)
    if lease.current_fence(lock) != run.fence:
        raise BusyError(
            f"the lease with fence {run.fence}",
            found=f"fence {lease.current_fence(lock)}: a later run has taken over",
            where=str(lock),
            do="Leave the batch to the later run.",
        )
    make_folder(run.staging)  # by which a crash after the record is told from none
    record = Commit(run.pipeline, run.batch, run.attempt, run.fence, run.written(), facts)
    previous = _read_record(run.store, run.pipeline, run.batch)
    superseded = _superseded(previous, record)
    content = {**dataclasses.asdict(record), "superseded": superseded}
    write_over(_record(run.store, run.pipeline, run.batch), _sealed(content))
    _publish(run.store, record, superseded)
    return record


def withdraw(run: Run) -> None:
    """Take away all that the batch published, and then its record."""
    commit(run, {"kind": WITHDRAWN})
    record = _record(run.store, run.pipeline, run.batch)
    record.unlink()
    sync_folder(record.parent)


def last_commit(store: Store, pipeline: str, batch: str) -> Commit | None:
    """What is published for a batch, after finishing a publication a crash cut short.

    Raises:
        IntegrityError: the record is not one.
    """
    record = _read_record(store, pipeline, batch)
    if record is None or not (_staging(store, pipeline, batch) / record.attempt).is_dir():
        return record
    with lease.hold(
        _lease(store, pipeline, batch), "recovery", wait_seconds=_PUBLISHER_WAIT_SECONDS
    ):
        _recover(store, pipeline, batch)
    return _read_record(store, pipeline, batch)


def committed_batches(store: Store, pipeline: str, prefix: str = "") -> Iterator[Commit]:
    """What is published for every batch of a pipeline whose name begins so, by its name."""
    folder = store.root / "commits" / pipeline
    for path in sorted(folder.glob(f"{glob.escape(prefix)}*.json")):
        record = last_commit(store, pipeline, path.stem)
        if record is not None:
            yield record


def recover(store: Store, pipeline: str) -> None:
    """Roll every batch of a pipeline forward or away, save those a living run holds."""
    folder = store.root / "staging" / pipeline
    for batch in sorted(folder.iterdir()) if folder.is_dir() else ():
        with (
            contextlib.suppress(BusyError),
            lease.hold(_lease(store, pipeline, batch.name), "recovery"),
        ):
            _recover(store, pipeline, batch.name)


def _recover(store: Store, pipeline: str, batch: str) -> None:
    record = _read_record(store, pipeline, batch)
    folder = _staging(store, pipeline, batch)
    if record is not None and (folder / record.attempt).is_dir():
        content = _unsealed(_record(store, pipeline, batch).read_bytes())
        _publish(store, record, content["superseded"])
    shutil.rmtree(folder, ignore_errors=True)


def _publish(store: Store, record: Commit, superseded: Iterable[str]) -> None:
    staging = _staging(store, record.pipeline, record.batch) / record.attempt
    for ref in record.files:
        staged, target = staging / ref.uri, store.path(ref.uri)
        if staged.is_file():
            replace(staged, target)
        elif not target.is_file():
            raise IntegrityError(
                "every committed file, staged or published",
                found="neither",
                where=ref.uri,
                do="Run the batch again.",
            )
    for uri in superseded:
        path = store.path(uri)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)
    shutil.rmtree(staging, ignore_errors=True)


def _superseded(previous: Commit | None, record: Commit) -> list[str]:
    if previous is None:
        return []
    return sorted({ref.uri for ref in previous.files} - {ref.uri for ref in record.files})


def _read_record(store: Store, pipeline: str, batch: str) -> Commit | None:
    path = _record(store, pipeline, batch)
    try:
        content = _unsealed(path.read_bytes())
        content.pop("superseded")
        files: tuple[Ref[Any], ...] = tuple(Ref(**ref) for ref in content.pop("files"))
        return Commit(files=files, **content)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            "a commit record with the digest of its content",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            do="Restore the record from a copy, or delete it and run the batch again.",
        ) from error


def _sealed(content: Mapping[str, Any]) -> bytes:
    """A record's bytes: its content, and the digest that tells a flipped bit of it."""
    return canonical_json({**content, _SEAL: digest_bytes(canonical_json(content))})


def _unsealed(sealed: bytes) -> dict[str, Any]:
    """A record's content; its bytes are the ones that were written.

    Raises:
        ValueError: they are not.
    """
    content: dict[str, Any] = json.loads(sealed)
    seal = content.pop(_SEAL)
    if seal != digest_bytes(canonical_json(content)) or sealed != _sealed(content):
        raise ValueError("the content is not what its digest says")
    return content


def _record(store: Store, pipeline: str, batch: str) -> Path:
    return store.path(f"commits/{pipeline}/{batch}.json")


def _lease(store: Store, pipeline: str, batch: str) -> Path:
    return store.path(f"leases/{pipeline}/{batch}.lock")


def _staging(store: Store, pipeline: str, batch: str) -> Path:
    return store.path(f"staging/{pipeline}/{batch}")
