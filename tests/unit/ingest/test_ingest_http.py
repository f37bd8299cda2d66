"""Every page of an API lands, or nothing does and the error says why."""

from __future__ import annotations

import gzip
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stamina
from pydantic import ValidationError

from tasks.core.errors import (
    ConfigError,
    SourceError,
    SourceMissingError,
    SourceUnavailableError,
)
from tests.unit.ingest.chaos import Answer, Api, Request, Script, serve
from tests.unit.ingest.conftest import Land

RECORDS = [{"id": i, "name": f"n{i}"} for i in range(1, 8)]
SCHEMA = {"id": "i32", "name": "str"}


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def _source(api: Api, **more: Any) -> dict[str, Any]:
    source = {"kind": "http", "url": f"{api.url}/items", "schema": SCHEMA, "records": "/items"}
    return {**source, **more}


CURSOR = {"kind": "cursor", "next": "/next"}


def _by_cursor(request: Request) -> Answer:
    start = int(request.params.get("cursor", "0"))
    end = start + 3
    following = str(end) if end < len(RECORDS) else None
    return Answer({"items": RECORDS[start:end], "next": following, "total": len(RECORDS)})


def _by_page(request: Request) -> Answer:
    start = (int(request.params["page"]) - 1) * 3
    return Answer({"items": RECORDS[start : start + 3], "total": len(RECORDS)})


def _by_offset(request: Request) -> Answer:
    start = int(request.params["offset"])
    return Answer({"items": RECORDS[start : start + 2]})  # fewer than the limit asked for


def _by_link_in_header(request: Request) -> Answer:
    answer = _by_cursor(request)
    following = answer.content.pop("next")
    if following:
        answer.headers["Link"] = f'</items?cursor={following}>; rel="next"'
    return answer


def _by_link_in_body(request: Request) -> Answer:
    answer = _by_cursor(request)
    following = answer.content["next"]
    answer.content["next"] = f"/items?cursor={following}" if following else None
    return answer


@pytest.mark.parametrize(
    ("script", "pagination"),
    [
        (_by_cursor, CURSOR),
        (_by_page, {"kind": "page"}),
        (_by_offset, {"kind": "offset", "size": 5}),
        (_by_link_in_header, {"kind": "link"}),
        (_by_link_in_body, {"kind": "link", "next": "/next"}),
    ],
)
def test_every_page_lands_in_order(
    script: Script, pagination: dict[str, Any], api: Api, land: Land
) -> None:
    api.script = script
    landing = land(_source(api, pagination=pagination))
    assert landing.rows["id"].to_list() == list(range(1, 8))
    assert landing.rows["_line"].to_list() == list(range(1, 8))
    assert landing.rows["_source"][0].startswith(f"{api.url}/items")
    assert landing.ledger.rows_in == 7


def test_one_page_of_plain_records_is_enough(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(RECORDS)
    assert land(_source(api, records="")).rows.height == 7


def test_a_declared_total_ends_the_walk_and_is_held_to(api: Api, land: Land) -> None:
    api.script = _by_page
    source = _source(api, pagination={"kind": "page"}, total="/total")
    assert land({**source, "confirm_end": False}).rows.height == 7
    assert len(api.asked) == 3
    api.script = lambda request: Answer({"items": _by_page(request).content["items"], "total": 9})
    with pytest.raises(SourceError, match="9 records"):
        land(source)


def test_a_total_that_changes_between_pages_is_refused(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        answer = _by_cursor(request)
        answer.content["total"] += int("cursor" in request.params)
        return answer

    api.script = script
    with pytest.raises(SourceError, match="total of the first page, 7"):
        land(_source(api, pagination=CURSOR, total="/total"))


@pytest.mark.parametrize(
    "flaw",
    [
        Answer(status=429, headers={"Retry-After": "0"}),
        Answer(status=500),
        Answer(status=503, headers={"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}),
        Answer({"items": RECORDS}, drop_after=20),
        Answer({"items": RECORDS}, length=10_000),
        Answer(b""),
        Answer(b'{"items": [{"id": 1'),
        Answer(b"<html>busy</html>"),
        Answer(b"\x1f\x8bgarbage", headers={"Content-Encoding": "gzip"}),
        Answer(b'{"items": NaN}'),
    ],
)
@pytest.mark.parametrize("heals", [True, False])
def test_a_flaw_is_tried_again_and_never_lands_a_part(
    flaw: Answer, heals: bool, api: Api, land: Land
) -> None:
    failures = 0

    def script(request: Request) -> Answer:
        nonlocal failures
        if request.params.get("cursor") == "3" and (not heals or failures < 2):
            failures += 1
            return flaw
        return _by_cursor(request)

    api.script = script
    source = _source(api, pagination=CURSOR)
    if heals:
        assert land(source).rows["id"].to_list() == list(range(1, 8))
    else:
        with pytest.raises(SourceUnavailableError, match="Nothing of it was taken"):
            land(source)
        assert failures == 3


def test_retry_after_is_waited_for(api: Api, land: Land) -> None:
    api.script = lambda request: (
        Answer(status=429, headers={"Retry-After": "1"})
        if len(api.asked) == 1
        else Answer({"items": RECORDS})
    )
    with stamina.set_testing(False):
        assert land(_source(api)).rows.height == 7


def test_the_deadline_ends_a_wait(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(status=429, headers={"Retry-After": "3600"})
    with stamina.set_testing(False), pytest.raises(SourceUnavailableError, match="429"):
        land(_source(api, deadline="1s"))


@pytest.mark.parametrize(
    ("script", "pagination", "told"),
    [
        (lambda r: Answer({"items": RECORDS[:2], "next": "a"}), CURSOR, "earlier page|followed"),
        (
            lambda r: Answer({"items": [{"id": hash(str(r.params)), "name": ""}], "next": "a"}),
            CURSOR,
            "followed already",
        ),
        (lambda r: Answer({"items": RECORDS[:2]}), {"kind": "page"}, "earlier page"),
        (
            lambda r: Answer(
                {"items": [{"id": 1, "name": str(r.params)}], "next": "/items?cursor=1"}
            ),
            {"kind": "link", "next": "/next"},
            "followed already",
        ),
        (
            lambda r: Answer({"items": RECORDS, "next": "http://169.254.169.254/latest"}),
            {"kind": "link", "next": "/next"},
            "169.254.169.254",
        ),
        (lambda r: Answer({"items": {}, "next": None}), CURSOR, "a list of records"),
        (lambda r: Answer({}), CURSOR, "found: nothing"),
        (lambda r: Answer({"items": RECORDS, "next": {"a": 1}}), CURSOR, "a cursor at"),
    ],
)
def test_pages_that_go_in_circles_or_lead_away_are_refused(
    script: Script, pagination: dict[str, Any], told: str, api: Api, land: Land
) -> None:
    api.script = script
    with pytest.raises(SourceError, match=told):
        land(_source(api, pagination=pagination))


@pytest.mark.parametrize("same", [5, 10_000])
def test_one_equal_record_a_page_is_taken_a_few_times(same: int, api: Api, land: Land) -> None:
    """Without a key equal records may be records of their own; pages that never end are not."""
    record = {"id": 1, "name": "a"}
    api.script = lambda r: Answer({"items": [record] if int(r.params["page"]) <= same else []})
    source = _source(api, pagination={"kind": "page"}, key=[])
    if same < 20:
        assert land(source).rows.height == same
    else:
        with pytest.raises(SourceError, match="earlier page"):
            land(source)
        assert len(api.asked) < 100


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (Answer(status=404), SourceMissingError, "404"),
        (Answer(status=410), SourceMissingError, "410"),
        (Answer(status=401), SourceError, "credentials"),
        (Answer(status=403), SourceError, "credentials"),
        (Answer(status=400), SourceError, "400"),
        (
            Answer(status=302, headers={"Location": "http://localhost:1/"}),
            SourceError,
            "redirect to http://localhost:1/",
        ),
        (
            Answer(status=307, headers={"Location": "//169.254.169.254/"}),
            SourceError,
            "redirect to http://169.254.169.254",
        ),
        (Answer(status=301, headers={"Location": "/items"}), SourceError, "5 redirects"),
    ],
)
def test_a_refusal_is_named_and_not_tried_again(
    answer: Answer, error: type[Exception], told: str, api: Api, land: Land
) -> None:
    api.script = lambda _: answer
    with pytest.raises(error, match=told):
        land(_source(api))
    assert len(api.asked) == (6 if answer.status == 301 else 1)


def test_a_redirect_on_the_same_host_is_followed(api: Api, land: Land) -> None:
    api.script = lambda request: (
        Answer(status=308, headers={"Location": "/v2/items"})
        if request.path == "/items"
        else Answer({"items": RECORDS})
    )
    assert land(_source(api)).rows.height == 7


def test_nobody_listening_is_named(land: Land) -> None:
    with pytest.raises(SourceUnavailableError, match="ConnectError"):
        land(_source(Api("http://127.0.0.1:1")))


def test_records_are_typed_strictly(api: Api, land: Land) -> None:
    records: list[Any] = [
        {"id": 1, "name": "a", "more": True},
        {"id": "2", "name": "b"},
        {"id": 3.5, "name": "c"},
        {"id": 4.0, "name": ""},
        {"id": True, "name": "e"},
        {"id": 2**31, "name": "f"},
        {"id": 7},
        [8, "h"],
        {"id": None, "name": None},
        {"id": 10, "name": 10},
    ]
    api.script = lambda _: Answer({"items": records})
    landing = land(_source(api))
    assert landing.rows.select("id", "name", "_line").rows() == [
        (1, "a", 1),
        (4, None, 4),
        (None, None, 9),
    ]
    assert landing.held["line"].to_list() == [2, 3, 5, 6, 7, 8, 10]
    assert [reasons[0].split(":")[0] for reasons in landing.held["reasons"]] == [
        *["id"] * 4,
        "name",
        "not a JSON object",
        "name",
    ]
    assert landing.held["raw"][0] == '{"id": "2", "name": "b"}'
    assert landing.ledger.rows_in == 10


def test_numbers_are_read_exactly(api: Api, land: Land) -> None:
    api.script = lambda _: Answer(b'{"items": [{"a": 0.1, "b": 12345678901234567.89, "c": 1e3}]}')
    schema = {"a": "f64", "b": "decimal(20,2)", "c": "i64"}
    landing = land(_source(api, schema=schema))
    assert [str(value) for value in landing.rows.row(0)[:3]] == [
        "0.1",
        "12345678901234567.89",
        "1000",
    ]


def test_a_field_left_out_or_new_can_be_agreed_on(api: Api, land: Land) -> None:
    api.script = lambda _: Answer({"items": [{"id": 1, "new": 2}]})
    assert land(_source(api, absent="null")).rows.row(0)[:2] == (1, None)
    held = land(_source(api, absent="null", drift="refuse")).held
    assert held["reasons"].to_list() == [["new: not declared"]]


def test_limits_hold(api: Api, land: Land) -> None:
    api.script = _by_cursor
    for limit, told in (
        ({"max_pages": 2}, "2 pages"),
        ({"max_records": 4}, "4 records"),
        ({"max_page_bytes": 30}, "30 bytes"),
    ):
        with pytest.raises(SourceError, match=told):
            land(_source(api, pagination=CURSOR, **limit))


def test_a_compressed_bomb_stops_at_the_limit(api: Api, land: Land) -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    api.script = lambda _: Answer(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(SourceError, match="bytes"):
        land(_source(api, records="", max_page_bytes=1_000_000))


@pytest.mark.parametrize(
    ("auth", "header", "value"),
    [
        ({"bearer": "${KEY}"}, "Authorization", "Bearer canary-1"),
        (
            {"basic": {"user": "anna", "password": "${KEY}"}},
            "Authorization",
            "Basic YW5uYTpjYW5hcnktMQ==",
        ),
        ({"api_key": {"header": "X-Key", "value": "${KEY}"}}, "X-Key", "canary-1"),
        ({"api_key": {"query": "key", "value": "${KEY}"}}, None, "canary-1"),
    ],
)
def test_credentials_are_sent_and_never_told(
    auth: dict[str, Any],
    header: str | None,
    value: str,
    api: Api,
    land: Land,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    api.script = lambda _: Answer({"items": RECORDS})
    landing = land(_source(api, auth=auth), {"KEY": "canary-1"})
    asked = api.asked[0]
    assert (asked.headers[header] if header else asked.params["key"]) == value
    assert "canary-1" not in landing.rows["_source"][0]
    api.script = lambda _: Answer(status=500)
    with pytest.raises(SourceUnavailableError) as caught:
        land(_source(api, auth=auth), {"KEY": "canary-1"})
    assert "canary-1" not in f"{caught.value!r}{caught.value}{caplog.text}"


def test_a_user_in_the_address_is_sent_as_a_header(api: Api, land: Land) -> None:
    api.script = lambda _: Answer({"items": RECORDS})
    url = api.url.replace("://", "://anna:${KEY}@") + "/items"
    landing = land(_source(api, url=url), {"KEY": "canary/1"})
    assert api.asked[0].headers["Authorization"] == "Basic YW5uYTpjYW5hcnkvMQ=="
    assert landing.rows["_source"][0] == f"{api.url}/items"


def test_dates_and_secrets_are_filled_in(api: Api, land: Land) -> None:
    api.script = lambda _: Answer({"items": []})
    source = _source(
        api,
        url="${BASE}/{date}/items?fixed=1",
        params={"from": "{since}", "to": "{until:%d.%m.%Y}"},
    )
    land(source, {"BASE": api.url})
    assert api.asked[0].path == "/2010-01-04/items"
    assert api.asked[0].params == {
        "fixed": "1",
        "from": "2010-01-04T00:00:00",
        "to": "05.01.2010",
    }


@pytest.mark.parametrize("url", ["nonsense", "ftp://x/y", "file:///etc/passwd", "http://"])
def test_an_address_that_is_none_is_refused(url: str, land: Land) -> None:
    with pytest.raises(ConfigError):
        land({"kind": "http", "url": url, "schema": SCHEMA})
    with pytest.raises(ConfigError):
        land({"kind": "http", "url": "${URL}", "schema": SCHEMA}, {"URL": url})


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://anna:pw@x/y"},
        {"url": "https://x/y?access_token=abc"},
        {"headers": {"Authorization": "Bearer abc"}},
        {"params": {"api_key": "abc"}},
        {"auth": {"bearer": "abc"}},
        {"auth": {}},
        {"auth": {"bearer": "${A}", "api_key": {"header": "X", "value": "${A}"}}},
        {"auth": {"api_key": {"value": "${A}"}}},
        {"records": "items"},
    ],
)
def test_a_secret_in_clear_is_refused_and_not_repeated(wrong: dict[str, Any], land: Land) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        land({"kind": "http", "url": "https://x/y", "schema": SCHEMA, **wrong})
    assert isinstance(caught.value, ValidationError)
    told = " ".join(fault["msg"] for fault in caught.value.errors())
    assert "abc" not in told
    assert "pw@" not in told


@pytest.mark.parametrize("total", [None, "/total"])
@pytest.mark.parametrize(
    ("script", "pagination"),
    [(_by_page, {"kind": "page"}), (_by_offset, {"kind": "offset"}), (_by_cursor, CURSOR)],
)
def test_pages_asked_for_at_once_give_the_same_rows(
    script: Script, pagination: dict[str, Any], total: str | None, api: Api, land: Land
) -> None:
    def slow_at_random(request: Request) -> Answer:
        time.sleep(0.02 * (hash(str(request.params)) % 3))
        answer = script(request)
        answer.content["total"] = len(RECORDS)
        return answer

    api.script = slow_at_random
    source = _source(api, pagination=pagination, total=total)
    alone = land(source).rows
    assert land({**source, "concurrency": 4}).rows.equals(alone)
    assert alone["id"].to_list() == list(range(1, 8))


def test_requests_keep_the_pace_that_was_set(api: Api, land: Land) -> None:
    api.script = _by_cursor
    began = time.monotonic()
    land(_source(api, pagination=CURSOR, per_second=20))
    assert time.monotonic() - began > 2 / 20


OAUTH = {"client_id": "me", "client_secret": "${KEY}", "scope": "read"}


def test_client_credentials_are_exchanged_and_an_expired_token_is_renewed(
    api: Api, land: Land
) -> None:
    tokens: list[str] = []

    def script(request: Request) -> Answer:
        if request.path == "/token":
            assert request.headers["Authorization"].startswith("Basic ")
            tokens.append(f"t{len(tokens)}")
            return Answer({"access_token": tokens[-1], "expires_in": 3600})
        if request.headers.get("Authorization") != "Bearer t1":
            return Answer(status=401)
        return Answer({"items": RECORDS})

    api.script = script
    auth = {"oauth2": {"token_url": f"{api.url}/token", **OAUTH}}
    assert land(_source(api, auth=auth), {"KEY": "canary-1"}).rows.height == 7
    assert tokens == ["t0", "t1"]


@pytest.mark.parametrize("answer", [Answer(status=401), Answer({}), Answer(b"no")])
def test_credentials_that_give_no_token_are_named(answer: Answer, api: Api, land: Land) -> None:
    api.script = lambda _: answer
    auth = {"oauth2": {"token_url": f"{api.url}/token", **OAUTH}}
    with pytest.raises(SourceError, match="no token") as caught:
        land(_source(api, auth=auth), {"KEY": "canary-1"})
    assert "canary-1" not in str(caught.value)


PRIVATE = [
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:169.254.169.254]/",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://0.0.0.0/",
    "http://[::]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://224.0.0.1/",
]


@pytest.mark.parametrize("url", PRIVATE)
def test_a_private_address_in_disguise_is_refused(url: str, land: Land) -> None:
    with pytest.raises((SourceError, ConfigError)) as caught:
        land({"kind": "http", "url": url, "schema": SCHEMA})
    assert "public address" in str(caught.value) or isinstance(caught.value, ConfigError)
