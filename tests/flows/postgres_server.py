"""A PostgreSQL server of Debian's, as Prefect's database needs it: with the extension pg_trgm."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """The folder of the newest server that is installed; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextmanager
def served(folder: Path, port: int) -> Iterator[str]:
    """A server while the block runs, on loopback; the address of a database of its own."""
    bin_folder = programs()
    assert bin_folder is not None
    folder.mkdir(mode=0o700)
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    data, log = folder / "data", folder / "log"

    def run(program: str, *words: str) -> None:
        command = [*as_user, str(bin_folder / program), *words]
        subprocess.run(command, check=True, capture_output=True, cwd="/")

    (folder / "password").write_text("canary-postgres\n")
    (folder / "password").chmod(0o644)
    run(
        "initdb",
        "-D",
        str(data),
        "-U",
        "prefect",
        "-A",
        "scram-sha-256",
        f"--pwfile={folder}/password",
    )
    settings = (
        f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    )
    run("pg_ctl", "-D", str(data), "-w", "-l", str(log), "-o", settings, "start")
    try:
        yield f"postgresql+asyncpg://prefect:canary-postgres@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-D", str(data), "-w", "-m", "immediate", "stop")
