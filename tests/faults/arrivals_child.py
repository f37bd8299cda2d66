"""Run nights in a process of its own that kills itself at its n-th file-system operation."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from pathlib import Path

from tests.properties.arriving import Shop

_WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.rmtree"}


def main(folder: str, kill_at: str, *nights: str) -> None:
    """Run the nights; print how many operations there were."""
    shop, seen = Shop(Path(folder), []), 0

    def count(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event in _WATCHED and "store" in str(arguments[0]):
            seen += 1
            if seen == int(kill_at):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    for night in nights:
        shop.run(dt.date.fromisoformat(night))
    sys.stdout.write(str(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
