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
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tasks.core import lease
from tasks.core.errors import BusyError, IntegrityError, StoreError
from tasks.core.files import make_folder, replace, sync_folder, write_over
from tasks.core.keys import canonical_json
from tasks.core.records import (
    Commit,
    lease_path,
    read_record,
    record_path,
    seal,
    staging_path,
    unseal,
)
from tasks.core.run import Run
from tasks.core.store import FORMAT, OWNER_ALONE, Store

_DISK_FAULTS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
_PUBLISHER_WAIT_SECONDS = 30.0
_PRUNING_WAIT_SECONDS = 600.0

WITHDRAWN = "withdrawn"
PRUNING = "pruning"  # no batch: whoever takes away what has aged holds its lease


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
    with _faults_told(store):
        store.check_format()
        make_folder(store.root, OWNER_ALONE)
        mark = store.root / "lamplighter.json"
        if not mark.exists():
            write_over(mark, canonical_json({"format": FORMAT}))
        with lease.hold(lease_path(store, pipeline, batch), attempt, wait_seconds) as fence:
            # The pruner looks at the leases once it has its own: one of the two sees the other.
            pruning = lease_path(store, pipeline, PRUNING)
            lease.wait_until_free(pruning, attempt, _PRUNING_WAIT_SECONDS)
            _recover(store, pipeline, batch)
            run = Run(store, pipeline, batch, attempt, fence)
            try:
                yield run
            finally:
                if not _is_half_published(run):
                    shutil.rmtree(staging_path(store, pipeline, batch), ignore_errors=True)


@contextlib.contextmanager
def _faults_told(store: Store) -> Iterator[None]:
    """Tell a disk that is full or fails from other errors of the operating system."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FAULTS:
            raise
        raise StoreError(
            "a store that can be written",
            found=os.strerror(error.errno),
            where=str(error.filename or store.root),
            do="Free space or mend the disk, and run again; what was published before stays.",
        ) from error


def _is_half_published(run: Run) -> bool:
    """Whether the batch's record is this run's, and what is staged still has to be moved."""
    if not run.staging.is_dir():
        return False
    try:
        record = read_record(run.store, run.pipeline, run.batch)
    except IntegrityError:
        return True  # nobody can say: what is staged may be all there is
    return record is not None and record.attempt == run.attempt


def commit(run: Run, facts: Mapping[str, Any]) -> Commit:
    """Publish everything the run wrote, and take away what the batch published before.

    Raises:
        BusyError: a later holder has fenced this run off; nothing was published.
    """
    lock = lease_path(run.store, run.pipeline, run.batch)
    if lease.current_fence(lock) != run.fence:
        raise BusyError(
            f"the lease with fence {run.fence}",
            found=f"fence {lease.current_fence(lock)}: a later run has taken over",
            where=str(lock),
            do="Leave the batch to the later run.",
        )
    make_folder(run.staging)  # by which a crash after the record is told from none
    record = Commit(run.pipeline, run.batch, run.attempt, run.fence, run.written(), facts)
    previous = read_record(run.store, run.pipeline, run.batch)
    superseded = _superseded(previous, record)
    content = {**dataclasses.asdict(record), "superseded": superseded}
    write_over(record_path(run.store, run.pipeline, run.batch), seal(content))
    _publish(run.store, record, superseded)
    return record


def withdraw(run: Run) -> None:
    """Take away all that the batch published, and then its record."""
    commit(run, {"kind": WITHDRAWN})
    record = record_path(run.store, run.pipeline, run.batch)
    record.unlink()
    sync_folder(record.parent)


def last_commit(store: Store, pipeline: str, batch: str) -> Commit | None:
    """What is published for a batch, after finishing a publication a crash cut short.

    Raises:
        IntegrityError: the record is not one.
    """
    record = read_record(store, pipeline, batch)
    if record is None or not (staging_path(store, pipeline, batch) / record.attempt).is_dir():
        return record
    with lease.hold(
        lease_path(store, pipeline, batch), "recovery", wait_seconds=_PUBLISHER_WAIT_SECONDS
    ):
        _recover(store, pipeline, batch)
    return read_record(store, pipeline, batch)


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
            lease.hold(lease_path(store, pipeline, batch.name), "recovery"),
        ):
            _recover(store, pipeline, batch.name)


def _recover(store: Store, pipeline: str, batch: str) -> None:
    record = read_record(store, pipeline, batch)
    folder = staging_path(store, pipeline, batch)
    if record is not None and (folder / record.attempt).is_dir():
        content = unseal(record_path(store, pipeline, batch).read_bytes())
        _publish(store, record, content["superseded"])
    shutil.rmtree(folder, ignore_errors=True)


def _publish(store: Store, record: Commit, superseded: Iterable[str]) -> None:
    staging = staging_path(store, record.pipeline, record.batch) / record.attempt
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
