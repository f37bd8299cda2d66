"""Run `lamplighter` in this process, and write down every address that Python code asks for.

Words: the file to write to, then those of the command.
"""

from __future__ import annotations

import sys
from pathlib import Path

_ASKED = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo")


def main() -> None:
    record = Path(sys.argv.pop(1)).open("a", buffering=1)  # noqa: SIM115  # open to the end

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event in _ASKED:
            address = arguments[0] if event == "socket.getaddrinfo" else arguments[-1]
            host = address[0] if isinstance(address, tuple) else address
            record.write(f"{host.decode() if isinstance(host, bytes) else host}\n")

    sys.addaudithook(note)
    from flows.cli import main as lamplighter

    lamplighter()


if __name__ == "__main__":
    main()
