"""Let requests pass at the pace that was agreed, or that the server asks for."""

from __future__ import annotations

import threading
import time

from tasks.ingest.wire import Deadline


class Pace:
    """Lets requests of all threads pass, one after the other.

    Args:
        per_second: how many a second; None for any number.
        deadline: when waiting ends.
    """

    def __init__(self, per_second: float | None, deadline: Deadline) -> None:
        self._gap_seconds = 1 / per_second if per_second else 0.0
        self._deadline = deadline
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for one's turn, or for the deadline."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next)
            self._next = turn + self._gap_seconds
        if turn > now:
            self._deadline.wait(turn - now)

    def hold(self, seconds: float) -> None:
        """Let nobody pass for some time."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
