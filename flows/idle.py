"""Whether any run of a pipeline is going, for what must not happen meanwhile."""

from __future__ import annotations

from flows.pipeline import Pipeline
from tasks.core import lease
from tasks.core.errors import BusyError


def check(pipeline: Pipeline, but_for: str = "") -> None:
    """Hold that no run of the pipeline is going, other than the named one.

    Raises:
        BusyError: one is.
    """
    for lock in sorted((pipeline.store.root / "leases" / pipeline.name).glob("*.lock")):
        if lease.is_held(lock, but_for):
            raise BusyError(
                "no run of the pipeline going",
                found=f"one that holds {lock.stem}",
                where=str(lock),
                do="Wait until it ends, or stop it; the lease ends with the process.",
            )
