"""What Excel sheets and objects cost, beside the libraries that could read them.

python -m tests.bench.files excel --rows 100_000
python -m tests.bench.files objects --megabytes 200

Peers take part where they are installed; each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import hashlib
import http.server
import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = 3
SCHEMA = {"id": "i32", "name": "str", "price": "f64", "at": "datetime", "flag": "bool"}


def write_workbook(path: Path, rows: int) -> None:
    import xlsxwriter

    options = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm:ss"}
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(SCHEMA))
        for n in range(rows):
            at = dt.datetime(2010, 1, 4) + dt.timedelta(seconds=n)
            sheet.write_row(n + 1, 0, [n, f"name {n % 977}", n / 4, at, n % 2 == 0])


def excel_lamplighter(path: str) -> int:
    from tasks.ingest.config import FilesConfig
    from tasks.ingest.xlsx_file import read_xlsx

    declared = {"kind": "files", "path": "a.xlsx", "schema": SCHEMA}
    source = FilesConfig.model_validate(declared)
    return sum(part.rows.height for part in read_xlsx(Path(path), "a.xlsx", source))


def excel_openpyxl(path: str) -> int:
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    return sum(1 for _ in book.active.iter_rows(values_only=True)) - 1


def excel_calamine(path: str) -> int:
    from python_calamine import CalamineWorkbook

    return len(CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()) - 1


def excel_fastexcel(path: str) -> int:
    import fastexcel

    return int(fastexcel.read_excel(path).load_sheet(0).to_arrow().num_rows)


def objects_lamplighter(endpoint: str) -> int:
    from tasks.ingest.config import FilesConfig
    from tasks.ingest.object_stores import open_bucket

    declared = {"kind": "files", "path": "s3://drops/*", "schema": {"id": "i32"}}
    source = FilesConfig.model_validate({**declared, "access": {"endpoint": endpoint}})
    with open_bucket(source, {}, None, "bench") as bucket:
        (found,) = bucket.find("*")
        with bucket.open(found) as path:
            return path.stat().st_size


def objects_obstore(endpoint: str) -> int:
    import obstore
    from obstore.store import S3Store

    options = {"allow_http": True}
    store = S3Store(
        "drops", endpoint=endpoint, skip_signature=True, region="x", client_options=options
    )
    with tempfile.TemporaryFile() as out:
        return sum(out.write(c) for c in obstore.get(store, "a").stream(min_chunk_size=1 << 20))


def objects_s3fs(endpoint: str) -> int:
    import s3fs

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "a"
        s3fs.S3FileSystem(anon=True, endpoint_url=endpoint).get_file("drops/a", str(target))
        return target.stat().st_size


PEERS: dict[str, dict[str, Callable[[str], int]]] = {
    "excel": {
        "tasks": excel_lamplighter,
        "openpyxl": excel_openpyxl,
        "python_calamine": excel_calamine,
        "fastexcel": excel_fastexcel,
    },
    "objects": {"tasks": objects_lamplighter, "obstore": objects_obstore, "s3fs": objects_s3fs},
}


def serve(size: int) -> str:
    """A store on loopback with one object."""
    body = bytes(range(256)) * (size // 256)
    etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
    listing = (
        f"<R><IsTruncated>false</IsTruncated><Contents><Key>a</Key><Size>{len(body)}</Size>"
        f"<ETag>{etag}</ETag></Contents></R>"
    ).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.answer(b"", len(body))

        def do_GET(self) -> None:
            if "list-type" in self.path:
                self.answer(listing, len(listing))
                return
            first, _, last = self.headers.get("Range", "bytes=0-")[6:].partition("-")
            end = min(int(last or len(body)), len(body) - 1) + 1
            piece = memoryview(body)[int(first) : end]
            self.answer(piece, len(piece), (int(first), end) if "Range" in self.headers else None)

        def answer(self, content: Any, length: int, span: tuple[int, int] | None = None) -> None:
            self.send_response(206 if span else 200)
            self.send_header("Content-Length", str(length))
            self.send_header("ETag", etag)
            self.send_header("Last-Modified", "Mon, 04 Jan 2010 10:00:00 GMT")
            if span:
                told = f"bytes {span[0]}-{span[1] - 1}/{len(body)}"
                self.send_header("Content-Range", told)
            self.end_headers()
            with contextlib.suppress(OSError):  # a peer may break off
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def measure(subject: str, peer: str, target: str) -> None:
    """Print what one peer costs: its import, wall and CPU seconds, and its peak memory."""
    read = PEERS[subject][peer]
    start = time.process_time()
    if peer == "tasks":
        importlib.import_module("tasks.ingest.files")
    else:
        importlib.import_module(peer)
    imported, wall = time.process_time() - start, time.perf_counter()
    count = read(target)
    wall, cpu = time.perf_counter() - wall, time.process_time() - start - imported
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(count, imported, wall, cpu, peak)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("subject", choices=PEERS)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--megabytes", type=int, default=200)
    arguments.add_argument("--peer")
    arguments.add_argument("--target", default="")
    given = arguments.parse_args()
    if given.peer:
        measure(given.subject, given.peer, given.target)
        return
    with tempfile.TemporaryDirectory() as folder:
        if given.subject == "excel":
            target = str(Path(folder) / "a.xlsx")
            write_workbook(Path(target), given.rows)
        else:
            target = serve(given.megabytes * 1_000_000)
        print("| peer | import cpu s | wall s | cpu s | peak MB |\n|---|---|---|---|---|")
        for peer in PEERS[given.subject]:
            if importlib.util.find_spec(peer) is not None:
                print(_row(given.subject, peer, target), flush=True)


def _row(subject: str, peer: str, target: str) -> str:
    command = [sys.executable, "-m", "tests.bench.files", subject, "--peer", peer]
    runs = [
        [
            float(word)
            for word in subprocess.run(
                [*command, "--target", target], check=True, capture_output=True, text=True
            ).stdout.split()
        ]
        for _ in range(ROUNDS)
    ]
    _, imported, wall, cpu, peak = (statistics.median(column) for column in zip(*runs, strict=True))
    name = "this reader" if peer == "tasks" else peer
    return f"| {name} | {imported:.2f} | {wall:.2f} | {cpu:.2f} | {peak:,.0f} |"


if __name__ == "__main__":
    main()
