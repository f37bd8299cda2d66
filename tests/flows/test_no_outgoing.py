"""No address is asked that a pipeline does not name: by Lamplighter, or by what it is built of.

Once by Python's own record of the addresses that a night asks for. Once by the kernel's: in a
network of its own that leads nowhere, where each packet that would have left the machine is
counted, whichever library and language sent it, with the whole service up.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.flows.conftest import NIGHT, Shop
from tests.flows.serving import ROOT, Service, lamplighter

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
ALONE = ("unshare", "--map-root-user", "--net", "--mount")

# Nothing that asks a library to be silent: that is Lamplighter's own doing.
BARE = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_a_night_asks_loopback_alone(shop: Shop, tmp_path: Path) -> None:
    record = tmp_path / "asked"
    words = ["run", str(shop.file), "--date", str(NIGHT)]
    child = [sys.executable, "tests/flows/listening_child.py", str(record), *words]
    done = subprocess.run(child, env=BARE, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    asked = set(record.read_text().split())
    assert "127.0.0.1" in asked, "the demo's own API is asked"
    assert asked <= LOOPBACK


def _can_be_alone() -> bool:
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not _can_be_alone(), reason="needs unshare, and the right to a network")
def test_a_whole_service_sends_no_packet_out(shop: Shop) -> None:
    child = [sys.executable, "-m", "tests.flows.test_no_outgoing", str(shop.folder)]
    told = {**BARE, "PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    done = subprocess.run([*ALONE, *child], env=told, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    before, after, control = map(int, done.stdout.split()[-3:])
    assert after == before
    assert control > after, "what would leave is counted"


def _lost_packets() -> int:
    """Packets that found no route, by the kernel's count of this network."""
    names, values = [
        line.split()
        for line in Path("/proc/net/snmp").read_text().splitlines()
        if line[:3] == "Ip:"
    ]
    sixth = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    return int(values[names.index("OutNoRoutes")]) + int(sixth["Ip6OutNoRoutes"])


def _lead_nowhere(folder: Path) -> None:
    """Bring loopback up, and have names looked up by a server that cannot be reached."""
    import fcntl
    import struct

    with socket.socket() as any_socket:
        up = struct.pack("16sh14x", b"lo", 0x49)  # IFF_UP | IFF_LOOPBACK | IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS
    (folder / "resolv.conf").write_text("nameserver 192.0.2.1\noptions timeout:1 attempts:1\n")
    mount = ["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"]
    subprocess.run(mount, check=True)


def _serve_a_night(folder: Path) -> None:
    service = Service(Shop(folder), 4200)
    up = lamplighter("up", "--folder", str(folder), "--port", "4200", OMP_NUM_THREADS="1")
    assert up.returncode == 0, up.stdout + up.stderr
    try:
        with replace(service, password=service.drawn).client() as client:
            deployment = service.deployment(client, "nightly")
            run = client.create_flow_run_from_deployment(
                deployment.id, parameters={"date": str(NIGHT)}
            )
            for _ in range(600):
                state = client.read_flow_run(run.id).state
                if state is not None and state.is_final():
                    break
                time.sleep(0.5)
        assert state is not None
        assert state.is_completed(), state
    finally:
        lamplighter("down", "--folder", str(folder))


def main() -> None:
    """Serve a night in a network that leads nowhere; print the packets it counted."""
    folder = Path(sys.argv[1])
    _lead_nowhere(folder)
    before = _lost_packets()
    _serve_a_night(folder)
    after = _lost_packets()
    for host in ("192.0.2.1", "www.example.com"):
        with contextlib.suppress(OSError):
            socket.create_connection((host, 80), 1).close()
    print(before, after, _lost_packets())


if __name__ == "__main__":
    main()
