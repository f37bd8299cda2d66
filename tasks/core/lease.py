"""A fenced lease: one run at a time may publish a pipeline's batch date.

The kernel's lock on the lease file excludes other processes and dies with its holder, so no lease
outlives a crash. The fence is a number that grows with each holder; a commit by an older number is
refused, whatever the older holder believes.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.core.errors import BusyError, StoreError
from tasks.core.files import make_folder

_POLL_SECONDS = 0.05
# Whoever asks whether a lease is held holds it for an instant.
_LOOKING_SECONDS = 0.1


@contextlib.contextmanager
def hold(path: Path, holder: str, wait_seconds: float = 0.0) -> Iterator[int]:
    """Hold the lease while the block runs.

    Args:
        path: the lease file.
        holder: who holds it, for the message others see.
        wait_seconds: how long to wait for the present holder.

    Yields:
        The fence of this holding, greater than every earlier one.

    Raises:
        BusyError: another process held it for all of `wait_seconds`.
    """
    make_folder(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _lock(handle, path, wait_seconds)
        fence = _read(handle).get("fence", 0) + 1
        content = json.dumps({"fence": fence, "holder": holder}).encode()
        os.pwrite(handle, content.ljust(256), 0)
        os.fsync(handle)
        yield fence
    finally:
        os.close(handle)


def current_fence(path: Path) -> int:
    """The fence of the latest holder; 0 where nobody held the lease yet."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return 0
    try:
        return int(_read(handle).get("fence", 0))
    finally:
        os.close(handle)


def is_held(path: Path, but_for: str = "") -> bool:
    """Whether some process holds the lease now, other than the named holder."""
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        # Shared: two that only look do not take each other for a holder.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return not but_for or _read(handle).get("holder") != but_for
    finally:
        os.close(handle)
    return False


def wait_until_free(path: Path, but_for: str, wait_seconds: float) -> None:
    """Wait until nobody holds the lease, other than the named holder.

    Raises:
        BusyError: another process held it for all of `wait_seconds`.
    """
    deadline = time.monotonic() + wait_seconds
    while is_held(path, but_for):
        if time.monotonic() >= deadline:
            raise _busy(path, "somebody who holds it")
        time.sleep(_POLL_SECONDS)


def _lock(handle: int, path: Path, wait_seconds: float) -> None:
    deadline = time.monotonic() + max(wait_seconds, _LOOKING_SECONDS)
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                holder = _read(handle).get("holder", "unknown")
                raise _busy(path, f"a run that is still going: {holder}") from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _busy(path: Path, found: str) -> BusyError:
    return BusyError(
        "one run at a time for a pipeline and batch date",
        found=found,
        where=str(path),
        do="Wait until it ends, or stop it; the lease ends with the process.",
    )


def _read(handle: int) -> dict[str, Any]:
    text = os.pread(handle, 4096, 0).decode(errors="replace").strip()
    if not text:
        return {}
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise StoreError(
            "a lease file with one JSON object",
            found=repr(text[:80]),
            where="leases/",
            do="Make sure that no run is going, then delete the lease file.",
        ) from error
    return dict(content)
