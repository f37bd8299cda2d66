"""An API that serves the same records in many ways, and goes wrong in as many."""

from __future__ import annotations

import gzip
import io
import json
import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from tests.unit.ingest.chaos import Answer, Request

SCHEMA = {"id": "i32", "name": "str", "price": "f64"}
RECORDS = [{"id": i, "name": f"n{i}, {'é' * (i % 3)}", "price": i / 4} for i in range(37)]
PAGE = 8
TYPES = {
    "json": "application/json",
    "ndjson": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}
PAGINATIONS: dict[str, dict[str, Any]] = {
    "none": {"kind": "none"},
    "page": {"kind": "page"},
    "offset": {"kind": "offset", "size": PAGE},
    "cursor": {"kind": "cursor", "next": "/next"},
    "cursor in a header": {"kind": "cursor", "next_header": "X-Next"},
    "link": {"kind": "link", "next": "/next"},
    "link in a header": {"kind": "link"},
}


@dataclass(frozen=True)
class Content:
    """A page before it is written: its records, the way to the next, and the total."""

    records: list[dict[str, Any]]
    following: str | None = None
    total: int | None = len(RECORDS)


@dataclass
class Wire:
    """An answer before it is sent."""

    body: bytes
    headers: dict[str, str]
    status: str = "200 OK"
    length: int | None = None
    version: str = "HTTP/1.1"
    cut: int | None = None

    def send(self) -> bytes:
        """All bytes of it."""
        headers = dict(self.headers)
        if self.length is not None:
            headers["Content-Length"] = str(self.length)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = f"{self.version} {self.status}\r\n{head}\r\n".encode() + self.body
        return whole if self.cut is None else whole[: len(whole) - len(self.body) + self.cut]


@dataclass
class Api:
    """What is served, and how often something goes wrong.

    Args:
        pagination: key of PAGINATIONS.
        form: key of TYPES.
        chance: draws what goes wrong.
        often: how probable it is, for each answer.
        once: whether an address answers well once it went wrong.
        with_total: whether the answers tell the total, so that lost records can be noticed.
    """

    pagination: str
    form: str
    chance: random.Random
    often: float
    once: bool
    with_total: bool
    gone_wrong: set[str] = field(default_factory=set)

    def script(self, request: Request) -> Answer:
        """What is answered."""
        name = str(sorted(request.params.items()))
        content, at = self._content(request)
        if self.chance.random() < self.often and not (self.once and name in self.gone_wrong):
            self.gone_wrong.add(name)
            faults = [*ON_THE_WIRE, *(IN_JSON if self.form == "json" else ())]
            if self.with_total:
                faults += IN_THE_CONTENT
            elif self.pagination != "none":
                faults += PASSING_IN_THE_CONTENT
            fault = self.chance.choice(faults)
            return Answer(wire=fault(self, content, at).send())
        return Answer(wire=self.whole(content).send())

    def source(self, url: str, concurrency: int) -> dict[str, Any]:
        """The declaration of the source."""
        in_json = self.form == "json"
        total = {"total": "/total"} if in_json else {"total_header": "X-Total-Count"}
        return {
            "kind": "http",
            "url": f"{url}/items",
            "schema": SCHEMA,
            "key": ["id"],
            "pagination": PAGINATIONS[self.pagination],
            "concurrency": concurrency,
            **({"records": "/items"} if in_json else {}),
            **(total if self.with_total else {}),
        }

    def whole(self, content: Content) -> Wire:
        """An answer as it should be, chunked or compressed at times."""
        body = self.write(content)
        headers = {"Content-Type": TYPES[self.form]}
        if self.with_total and content.total is not None:
            headers["X-Total-Count"] = str(content.total)
        if content.following is not None and self.pagination == "cursor in a header":
            headers["X-Next"] = content.following
        if content.following is not None and self.pagination == "link in a header":
            headers["Link"] = f'</items?at={content.following}>; rel="next"'
        way = self.chance.randrange(4)
        if way == 0:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        if way == 1:
            body, headers["Content-Encoding"] = zlib.compress(body), "deflate"
        if way == 2:
            headers["Transfer-Encoding"] = "chunked"
            return Wire(_chunked(body, self.chance), headers)
        return Wire(body, headers, length=len(body))

    def write(self, content: Content) -> bytes:
        """A page's body."""
        if self.form == "ndjson":
            return b"".join(json.dumps(record).encode() + b"\n" for record in content.records)
        frame = pl.DataFrame(
            content.records, schema={"id": pl.Int32, "name": pl.String, "price": pl.Float64}
        )
        if self.form == "csv":
            return frame.write_csv().encode()
        if self.form == "parquet":
            sink = io.BytesIO()
            frame.write_parquet(sink)
            return sink.getvalue()
        following = content.following
        if following is not None and self.pagination == "link":
            following = f"/items?at={following}"
        return json.dumps(
            {"items": content.records, "next": following, "total": content.total}
        ).encode()

    def _content(self, request: Request) -> tuple[Content, int]:
        asked = request.params
        if self.pagination == "none":
            return Content(RECORDS), 0
        if self.pagination == "page":
            at = (int(asked["page"]) - 1) * PAGE
        elif self.pagination == "offset":
            at = int(asked["offset"])
        else:
            at = int(asked.get("cursor", asked.get("at", "0")))
        following = str(at + PAGE) if at + PAGE < len(RECORDS) else None
        return Content(RECORDS[at : at + PAGE], following), at


Fault = Callable[[Api, Content, int], Wire]


def _chunked(body: bytes, chance: random.Random) -> bytes:
    sent = b""
    while body:
        size = chance.randrange(1, len(body) + 1)
        sent += f"{size:x}\r\n".encode() + body[:size] + b"\r\n"
        body = body[size:]
    return sent + b"0\r\n\r\n"


def _plain(api: Api, content: Content) -> Wire:
    """An answer that is neither chunked nor compressed."""
    wire = api.whole(content)
    body = api.write(content)
    for name in ("Transfer-Encoding", "Content-Encoding"):
        wire.headers.pop(name, None)
    return replace(wire, body=body, length=len(body))


def _status(status: str, headers: Mapping[str, str] | None = None) -> Fault:
    def fault(api: Api, content: Content, at: int) -> Wire:
        return replace(_plain(api, content), status=status, headers=dict(headers or {}))

    return fault


def _cut(api: Api, content: Content, at: int) -> Wire:
    wire = api.whole(content)
    return replace(wire, cut=api.chance.randrange(len(wire.body)))


def _length(api: Api, content: Content, at: int) -> Wire:
    wire = _plain(api, content)
    lengths = [n for n in range(2 * len(wire.body)) if n != len(wire.body)]
    return replace(wire, length=api.chance.choice(lengths))


def _length_of_lines(api: Api, content: Content, at: int) -> Wire:
    """Too short, and just behind a record."""
    wire = _plain(api, content)
    ends = [i + 1 for i, code in enumerate(wire.body[:-1]) if code == 10] or [len(wire.body) // 2]
    return replace(wire, length=api.chance.choice(ends))


def _no_length(api: Api, content: Content, at: int) -> Wire:
    """Up to the end of the connection, which comes too early."""
    wire = _plain(api, content)
    cut = api.chance.randrange(len(wire.body))
    return replace(wire, length=None, version=api.chance.choice(["HTTP/1.0", "HTTP/1.1"]), cut=cut)


def _short_gzip(api: Api, content: Content, at: int) -> Wire:
    body = gzip.compress(api.write(content))
    return _encoded(api, content, body[: api.chance.randrange(len(body))])


def _damaged_gzip(api: Api, content: Content, at: int) -> Wire:
    body = bytearray(gzip.compress(api.write(content)))
    body[-6] ^= 1 << api.chance.randrange(8)  # in its checksum
    return _encoded(api, content, bytes(body))


def _long_gzip(api: Api, content: Content, at: int) -> Wire:
    return _encoded(api, content, gzip.compress(api.write(content)) + b"more")


def _encoded(api: Api, content: Content, body: bytes, coding: str = "gzip") -> Wire:
    wire = _plain(api, content)
    return replace(
        wire, body=body, length=len(body), headers={**wire.headers, "Content-Encoding": coding}
    )


def _unknown_coding(api: Api, content: Content, at: int) -> Wire:
    return _encoded(api, content, api.write(content), "br")


def _page_for_people(api: Api, content: Content, at: int) -> Wire:
    body = b"<html><body>Sign in</body></html>\n"
    return replace(
        _plain(api, content), body=body, length=len(body), headers={"Content-Type": "text/html"}
    )


def _error_object(api: Api, content: Content, at: int) -> Wire:
    body = b'{"error": "try later"}\n'
    headers = {"Content-Type": "application/json"}
    return replace(_plain(api, content), body=body, length=len(body), headers=headers)


def _nothing(api: Api, content: Content, at: int) -> Wire:
    return replace(_plain(api, content), body=b"", length=0)


def _reset(api: Api, content: Content, at: int) -> Wire:
    return Wire(b"", {}, status="", version="", cut=0)


ON_THE_WIRE: list[Fault] = [
    _cut,
    _cut,
    _length,
    _length,
    _length_of_lines,
    _no_length,
    _short_gzip,
    _damaged_gzip,
    _long_gzip,
    _unknown_coding,
    _page_for_people,
    _error_object,
    _nothing,
    _reset,
    _status("429 Too Many Requests", {"Retry-After": "0"}),
    _status("408 Request Timeout"),
    _status("500 Internal Server Error"),
    _status("520 Unknown"),
    _status("503 Unavailable", {"Retry-After": "Fri, 31 Dec 1999 23:59:59 -0000"}),
    _status("202 Accepted"),
    _status("204 No Content"),
    _status("206 Partial Content"),
    _status("304 Not Modified"),
    _status("300 Multiple Choices"),
    _status("302 Found", {"Location": "http://169.254.169.254/latest"}),
    _status("302 Found", {"Location": "http://[::1/"}),
    _status("301 Moved", {"Location": "/items?page=1&offset=0"}),
]


def _json_fault(change: Callable[[bytes, random.Random], bytes]) -> Fault:
    def fault(api: Api, content: Content, at: int) -> Wire:
        body = change(api.write(content), api.chance)
        return replace(_plain(api, content), body=body, length=len(body))

    return fault


IN_JSON: list[Fault] = [
    _json_fault(lambda body, chance: b"\xef\xbb\xbf" + body),
    _json_fault(lambda body, chance: body.decode().encode("utf-16")),
    _json_fault(lambda body, chance: body + b"]"),
    _json_fault(lambda body, chance: body[: chance.randrange(len(body))]),
    _json_fault(lambda body, chance: body.replace(b'"price": ', b'"price": NaN, "was": ', 1)),
    _json_fault(lambda body, chance: body.replace(b'"id": ', b'"id": 99, "id": ', 1)),
    _json_fault(lambda body, chance: body.replace(b'"items": [', b'"items": [], "items": [', 1)),
    _json_fault(lambda body, chance: body.replace(b'"name": "n', b'"name": "\\ud800n', 1)),
    _json_fault(lambda body, chance: body.replace(b'"id": ', b'"id": 1e99999999, "x": ', 1)),
    _json_fault(lambda body, chance: body.replace(b'"id": ', b'"id": 0.5, "x": ', 1)),
    _json_fault(
        lambda body, chance: body.replace(b'"id": ', b'"id": 9' + b"0" * 5000 + b', "x": ', 1)
    ),
    _json_fault(
        lambda body, chance: body.replace(b"{", b'{"deep": ' + b"[" * 400 + b"]" * 400 + b", ", 1)
    ),
    _json_fault(lambda body, chance: body.replace(b"{", b'{"deep": ' + b"[" * 99_999, 1)),
]


def _other_page(api: Api, content: Content, at: int) -> Wire:
    start = api.chance.choice([n for n in range(0, len(RECORDS), PAGE) if n != at])
    return api.whole(replace(content, records=RECORDS[start : start + PAGE]))


def _shifted(api: Api, content: Content, at: int) -> Wire:
    """As if a record had been put before the others since the page before."""
    start = max(0, at - 1)
    return api.whole(replace(content, records=RECORDS[start : start + PAGE]))


def _empty(api: Api, content: Content, at: int) -> Wire:
    return api.whole(replace(content, records=[]))


def _no_next(api: Api, content: Content, at: int) -> Wire:
    return api.whole(replace(content, following=None))


def _astray(api: Api, content: Content, at: int) -> Wire:
    return api.whole(replace(content, following=api.chance.choice(["0", "8", "16", "40"])))


def _one_less(api: Api, content: Content, at: int) -> Wire:
    return api.whole(replace(content, records=content.records[:-1]))


def _one_more(api: Api, content: Content, at: int) -> Wire:
    return api.whole(replace(content, records=RECORDS[at : at + PAGE + 1]))


def _other_total(api: Api, content: Content, at: int) -> Wire:
    return api.whole(replace(content, total=api.chance.choice([0, at, len(RECORDS) + 1, None])))


PASSING_IN_THE_CONTENT: list[Fault] = [_empty, _no_next]
IN_THE_CONTENT: list[Fault] = [
    *PASSING_IN_THE_CONTENT,
    _other_page,
    _shifted,
    _astray,
    _one_less,
    _one_more,
    _other_total,
]
