"""The processes a supervisor keeps alive: the Prefect server and the worker."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_SHORTEST_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
_SETTLED_SECONDS = 60.0
_GRACE_SECONDS = 30.0


@dataclass(slots=True)
class Child:
    """A `prefect` command that is started again whenever it ends.

    Args:
        name: what to call it.
        words: the command's words.
        log: file that takes its output.
        environment: all its variables; None for those of this process.
        umask: of the files it makes; -1 for this process's.
    """

    name: str
    words: Sequence[str]
    log: Path
    environment: Mapping[str, str] | None = None
    umask: int = -1
    _process: subprocess.Popen[bytes] | None = None
    _pause: float = _SHORTEST_PAUSE
    _started: float = 0.0
    _due: float = field(default=0.0)

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefect", "--no-prompt", *self.words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                umask=self.umask,
            )
        self._started = time.monotonic()

    @property
    def ended(self) -> int | None:
        """The exit code, once it has ended."""
        return None if self._process is None else self._process.poll()

    def keep_alive(self) -> bool:
        """Start it again if it ended: at once, and each time it does not last a little later.

        Returns:
            Whether it was started again.
        """
        if self.ended is None:
            return False
        now = time.monotonic()
        if not self._due:
            lasted = now - self._started > _SETTLED_SECONDS
            self._pause = _SHORTEST_PAUSE if lasted else min(2 * self._pause, _LONGEST_PAUSE)
            self._due = now + self._pause
        if now < self._due:
            return False
        self._due = 0.0
        self.start()
        return True

    def stop(self) -> None:
        """End it, by force where it does not go by itself."""
        if self._process is None or self.ended is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
