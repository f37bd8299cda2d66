"""Forget a person, in a process that kills itself at a rename in the store.

Words: the pipeline file, the hash, the store, and which rename it is. Prints how many there were.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    file, hashed, root, at = sys.argv[1:]
    seen = 0

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event == "os.rename" and root in str(arguments[0]):
            seen += 1
            if seen == int(at):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    from flows.forgetting import forget
    from flows.pipeline import load

    forget(load(file), hashed)
    print(seen)


if __name__ == "__main__":
    main()
