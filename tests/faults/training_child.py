"""Train in a process of its own that kills itself at its n-th writing of a checkpoint."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys

from flows.demo.services import demo_services
from flows.libraries import configure_libraries
from flows.training import train


def main(file: str, date: str, kill_at: str) -> None:
    """Train, and die on the way."""
    writings = 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal writings
        if event == "os.rename" and "/checkpoints/" in str(arguments[1]):
            writings += 1
            if writings == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    configure_libraries()
    with demo_services(file):
        train.fn(file, dt.date.fromisoformat(date))


if __name__ == "__main__":
    main(*sys.argv[1:])
