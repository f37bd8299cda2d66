"""Run something in a process of its own that may fail or be killed."""

from __future__ import annotations

import os
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

SURVIVED, REFUSED, BROKE = 0, 1, 2


def fork(work: Callable[[], None], expected: type[Exception]) -> int:
    """Do the work in a forked process.

    Returns:
        SURVIVED, REFUSED where it raised what is expected, BROKE where something else.
    """
    child = os.fork()
    if child == 0:
        code = BROKE
        try:
            work()
            code = SURVIVED
        except expected:
            code = REFUSED
        except BaseException:  # noqa: BLE001  # the child must not run the rest of the tests
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def allow_memory(more_bytes: int) -> None:
    """Limit this process's address space to what it has now and some more."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
