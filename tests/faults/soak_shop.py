"""What the soak runs on: an API that goes wrong by a seeded chance, processes for its nights."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import random
import resource
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.loopback import serving

PAGE = 200
DISTURBED, LEFT_ALONE = "disturbed", "left-alone"
FAULTS = ("500", "429", "reset", "short", "page for people", "other total")


class Api:
    """The products, a page at a time; answers to the token `disturbed` go wrong.

    Where rows come from is kept with them, so that both stores have to ask one address.

    Args:
        records: the products.
        chance: draws what goes wrong.
        often: how probable it is, for each answer; set anew for each attempt.
    """

    def __init__(self, records: list[dict[str, object]], chance: random.Random) -> None:
        self.records, self.chance, self.often = records, chance, 0.0
        self.wrong = 0

    @contextmanager
    def served(self) -> Iterator[str]:
        """Its address while the block runs."""
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                cursor = parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0]
                api.answer(self, int(cursor))

            def log_message(self, format: str, *args: object) -> None: ...

        with serving(Handler) as address:
            yield f"{address}/products"

    def answer(self, to: BaseHTTPRequestHandler, start: int) -> None:
        """Answer with a page, or with what goes wrong."""
        end = start + PAGE
        following = str(end) if end < len(self.records) else None
        told = {"items": self.records[start:end], "next": following, "total": len(self.records)}
        fault = ""
        if (
            to.headers["Authorization"] == f"Bearer {DISTURBED}"
            and self.chance.random() < self.often
        ):
            fault = self.chance.choice(FAULTS)
        self.wrong += bool(fault)
        if fault == "reset":
            to.connection.close()
            return
        if fault == "other total":
            told["total"] = len(self.records) + 1
        body = json.dumps(told).encode()
        if fault == "page for people":
            body = b"<html>Sign in</html>"
        length = len(body)
        if fault == "short":
            body = body[: self.chance.randrange(len(body))]
        with contextlib.suppress(OSError):  # who asked may have been killed
            to.send_response(int(fault) if fault.isdigit() else 200)
            to.send_header("Retry-After", "0")
            to.send_header("Content-Length", str(length))
            to.end_headers()
            to.wfile.write(body)


def run_night(file: str, day: dt.date, url: str, largest_file: int | None, log: str) -> None:
    """Run one night in this process and leave with its exit code, 0 where it is published.

    With 10 it is published and lacks a date before it.
    """
    _prepare(file, url, DISTURBED, log)
    if largest_file is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    from flows.nightly import nightly
    from tasks.core.errors import LamplighterError

    code = 1
    try:
        night = nightly.fn(file, day)
        code = 10 if night.gaps else 0
    except LamplighterError as error:
        code = error.exit_code
    except BaseException:  # noqa: BLE001  # whatever it is, its text is kept and the soak fails
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


def run_nights(file: str, days: list[dt.date], url: str, log: str) -> None:
    """Run nights in this process, with nothing that disturbs them."""
    _prepare(file, url, LEFT_ALONE, log)
    from flows.nightly import nightly

    for day in days:
        nightly.fn(file, day)


def _prepare(file: str, url: str, token: str, log: str) -> None:
    with Path(log).open("a") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ |= {"PRODUCTS_URL": url, "PRODUCTS_TOKEN": token}
    os.environ["CUSTOMERS_DB"] = f"sqlite:///{Path(file).parent / 'customers.db'}"


def train(file: str, day: dt.date) -> None:
    """Train in this process, with the demo's own services."""
    from flows.demo.services import demo_services
    from flows.training import train as flow

    with demo_services(file):
        flow.fn(file, day)
