"""Walks that could pass over records end in an error, and pages may be asked for by POST."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import stamina

from tasks.core.errors import ConfigError, SourceError, SourceUnavailableError
from tests.unit.ingest.chaos import Answer, Api, Request, Script, serve
from tests.unit.ingest.conftest import Land

RECORDS = [{"id": i, "name": f"n{i}"} for i in range(1, 8)]
SCHEMA = {"id": "i32", "name": "str"}
CURSOR = {"kind": "cursor", "next": "/next"}


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as running, stamina.set_testing(True, attempts=3, cap=True):
        yield running


def _source(api: Api, **more: Any) -> dict[str, Any]:
    source = {"kind": "http", "url": f"{api.url}/items", "schema": SCHEMA, "records": "/items"}
    return {**source, **more}


def _by_page(sizes: dict[int, int]) -> Script:
    """Pages of three records, some of other sizes."""

    def script(request: Request) -> Answer:
        page = int(request.params["page"])
        start = (page - 1) * 3
        return Answer({"items": RECORDS[start : start + sizes.get(page, 3)]})

    return script


@pytest.mark.parametrize("sizes", [{2: 2}, {2: 4}, {1: 2}])
def test_numbered_pages_that_change_their_size_are_refused(
    sizes: dict[int, int], api: Api, land: Land
) -> None:
    api.script = _by_page(sizes)
    with pytest.raises(SourceError, match="on every page but the last"):
        land(_source(api, pagination={"kind": "page"}))


def test_pages_that_leave_records_out_can_be_agreed_on(api: Api, land: Land) -> None:
    api.script = _by_page({2: 2})
    source = _source(api, pagination={"kind": "page", "even": False})
    assert land(source).rows["id"].to_list() == [1, 2, 3, 4, 5, 7]


def test_a_record_on_two_pages_is_refused(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        start = int(request.params.get("cursor", "0"))
        following = str(start + 3) if start + 3 < len(RECORDS) else None
        return Answer({"items": RECORDS[max(0, start - 1) : start + 3], "next": following})

    api.script = script
    source = _source(api, pagination=CURSOR, key=["id"])
    with pytest.raises(SourceError, match="by its key id, on one page"):
        land(source)
    assert land({**source, "repeated_keys": "keep"}).rows.height == 9


LARGE = [{"id": i, "name": f"{i:04}" * 100} for i in range(300)]


@pytest.mark.parametrize("repeated", [0, 15, 50])
def test_large_pages_without_a_key_are_compared_by_all_they_hold(
    repeated: int, api: Api, land: Land
) -> None:
    """Of 50 records each: the whole page, some of it, or nothing comes again."""

    def script(request: Request) -> Answer:
        start = int(request.params.get("cursor", "0"))
        again = repeated if start == 100 else 0
        items = LARGE[start - again : start + 50 - again]
        return Answer({"items": items, "next": str(start + 50) if start < 250 else None})

    api.script = script
    source = _source(api, pagination=CURSOR, drift="ignore")
    if not repeated:
        assert land(source).rows["id"].to_list() == [*range(300)]
        return
    with pytest.raises(SourceError, match="earlier page" if repeated == 50 else "end the page"):
        land(source)


def test_equal_keys_on_one_page_are_no_matter_of_pages(api: Api, land: Land) -> None:
    api.script = lambda _: Answer({"items": [*RECORDS[:2], *RECORDS[:2]], "next": None})
    assert land(_source(api, pagination=CURSOR, key=["id"])).rows.height == 4


def test_a_loop_of_small_pages_is_noticed_soon(api: Api, land: Land) -> None:
    api.script = lambda request: Answer(
        {
            "items": RECORDS[:2] if len(api.asked) % 2 else RECORDS[2:4],
            "next": str(len(api.asked)),
        }
    )
    with pytest.raises(SourceError, match="on one page"):
        land(_source(api, pagination=CURSOR, key=["id"]))
    assert len(api.asked) < 5


@pytest.mark.parametrize(
    ("bad", "always", "told"),
    [("2", True, "behind the last"), ("2", False, "asked for again"), ("3", False, "asked for")],
)
def test_a_page_that_comes_empty_by_mistake_is_noticed(
    bad: str, always: bool, told: str, api: Api, land: Land
) -> None:
    def script(request: Request) -> Answer:
        page = request.params["page"]
        asked = [one for one in api.asked if one.params["page"] == page]
        if page == bad and (always or len(asked) == 1):
            return Answer({"items": []})
        return _by_page({})(request)

    api.script = script
    with pytest.raises(SourceError, match=told):
        land(_source(api, pagination={"kind": "page"}))


def test_a_cursor_that_is_missing_by_mistake_is_noticed(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        start = int(request.params.get("cursor", "0"))
        at_first = [one.params.get("cursor") for one in api.asked].count("3") == 1
        following = str(start + 3) if start + 3 < len(RECORDS) else None
        if start == 3 and at_first:
            following = None
        return Answer({"items": RECORDS[start : start + 3], "next": following})

    api.script = script
    with pytest.raises(SourceError, match="same way on"):
        land(_source(api, pagination=CURSOR))
    api.asked.clear()
    assert land(_source(api, pagination=CURSOR, confirm_end=False)).rows.height == 6


def test_a_missing_page_behind_the_last_is_an_end(api: Api, land: Land) -> None:
    api.script = lambda request: (
        Answer(status=404) if request.params["page"] == "5" else _by_page({})(request)
    )
    assert land(_source(api, pagination={"kind": "page"})).rows.height == 7


@pytest.mark.parametrize("pagination", [{"kind": "page"}, {"kind": "offset", "size": 3}])
def test_a_total_that_is_one_of_a_page_is_refused(
    pagination: dict[str, Any], api: Api, land: Land
) -> None:
    def script(request: Request) -> Answer:
        start = int(request.params.get("offset", 3 * (int(request.params.get("page", "1")) - 1)))
        return Answer({"items": RECORDS[start : start + 3], "total": 3})

    api.script = script
    with pytest.raises(SourceError, match="no records behind the last page"):
        land(_source(api, pagination=pagination, total="/total"))


def test_an_error_behind_the_declared_end_is_the_end(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        page = int(request.params["page"])
        content = {"items": RECORDS[3 * page - 3 : 3 * page], "total": 7}
        return Answer(content) if content["items"] else Answer({"error": "none"}, status=400)

    api.script = script
    assert land(_source(api, pagination={"kind": "page"}, total="/total")).rows.height == 7


def test_a_page_that_begins_as_the_one_before_ends_is_refused(api: Api, land: Land) -> None:
    """As where a record was put before the others on the way, of a source without a key."""

    def script(request: Request) -> Answer:
        start = 2 * (int(request.params["page"]) - 1)
        return Answer({"items": RECORDS[start : start + 3]})

    api.script = script
    source = _source(api, pagination={"kind": "page"})
    with pytest.raises(SourceError, match="those that end the page before"):
        land(source)
    assert land({**source, "repeated_keys": "keep"}).rows.height == 10


@pytest.mark.parametrize(
    "link",
    [
        '<?page={}>; REL="Next"',
        '<?page={}>; rel="last next"',
        '<?page=1>; rel=first,, <?page={}>; title="a, b; c"; rel=next',
        "<?page={}&fields=a;b,c>; rel='next'",
        '<?page={}>; rel="next"; rel="last"',
    ],
)
def test_a_link_header_is_read_by_its_grammar(link: str, api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        page = int(request.params.get("page", "1"))
        headers = {"Link": link.format(page + 1)} if page < 3 else {}
        return Answer({"items": RECORDS[3 * page - 3 : 3 * page]}, headers=headers)

    api.script = script
    assert land(_source(api, pagination={"kind": "link"})).rows.height == 7


@pytest.mark.parametrize(
    "link",
    [
        '/items?page=2; rel="next"',
        '</items?page=2; rel="next"',
        '<?page=2>; rel="next" <?page=3>; rel="last"',
        '<?page=2>; rel="next", <?page=3>; rel="next"',
        '<>; rel="next"',
        '<?page=2>; rel="next',
    ],
)
def test_a_link_header_that_says_nothing_for_sure_is_refused(
    link: str, api: Api, land: Land
) -> None:
    api.script = lambda _: Answer({"items": RECORDS}, headers={"Link": link})
    with pytest.raises(SourceError, match="a Link header"):
        land(_source(api, pagination={"kind": "link"}))


@pytest.mark.parametrize("text", ["7", "items 0-2/7", "0-2/7"])
def test_a_total_in_a_header_is_held_to(text: str, api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        answer = _by_page({})(request)
        answer.headers["X-Total-Count"] = text
        return answer

    api.script = script
    source = _source(api, pagination={"kind": "page"}, total_header="x-total-count")
    assert land({**source, "confirm_end": False}).rows.height == 7
    assert len(api.asked) == 3
    api.script = _by_page({})
    with pytest.raises(SourceError, match="found: nothing"):
        land(source)


@pytest.mark.parametrize(
    ("pagination", "place"),
    [
        ({"kind": "page", "parameter": "/page"}, "page"),
        (
            {"kind": "offset", "parameter": "/paging/from", "size": 3, "size_parameter": "/n"},
            "from",
        ),
        ({"kind": "cursor", "parameter": "/variables/after", "next": "/next"}, "after"),
    ],
)
def test_pages_are_asked_for_by_post(
    pagination: dict[str, Any], place: str, api: Api, land: Land
) -> None:
    def script(request: Request) -> Answer:
        body = json.loads(request.body)
        inner = body.get("paging") or body.get("variables") or body
        start = (inner["page"] - 1) * 3 if place == "page" else int(inner.get(place, 0))
        following = start + 3 if start + 3 < len(RECORDS) else None
        return Answer({"items": RECORDS[start : start + 3], "next": following})

    api.script = script
    source = _source(
        api,
        method="post",
        body={"query": "sold on {date}", "token": "${KEY}", "where": [{"from": "{since}"}], "n": 1},
        pagination=pagination,
    )
    landing = land(source, {"KEY": "canary-1"})
    assert landing.rows["id"].to_list() == list(range(1, 8))
    assert landing.rows.select("_source", "_line").is_unique().all()
    first = json.loads(api.asked[0].body)
    assert first["query"] == "sold on 2010-01-04"
    assert first["token"] == "canary-1"
    assert first["where"] == [{"from": "2010-01-04T00:00:00"}]
    assert api.asked[0].headers["Content-Type"] == "application/json"
    assert "canary" not in "".join(landing.rows["_source"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"body": {"a": 1}},
        {"pagination": {"kind": "page", "parameter": "/page"}},
        {"method": "post", "body": {"password": "abc"}},
        {"method": "post", "conditional": True},
        {"conditional": True, "pagination": {"kind": "page"}},
        {"total": "/total", "total_header": "X"},
        {"format": "csv", "records": "/items"},
        {"format": "csv", "pagination": {"kind": "cursor", "next": "/next"}},
        {"pagination": {"kind": "cursor"}},
        {"pagination": {"kind": "cursor", "next": "/a", "next_header": "b"}},
        {"delimiter": '"'},
    ],
)
def test_what_does_not_fit_together_is_refused(wrong: dict[str, Any], land: Land) -> None:
    with pytest.raises(ValueError, match="validation error"):
        land({"kind": "http", "url": "https://x/y", "schema": SCHEMA, **wrong})


def test_a_post_is_not_turned_into_a_get(api: Api, land: Land) -> None:
    api.script = lambda request: (
        Answer(status=302, headers={"Location": "/else"})
        if request.path == "/items"
        else Answer({"items": RECORDS})
    )
    with pytest.raises(SourceError, match="302"):
        land(_source(api, method="post"))
    api.script = lambda request: (
        Answer(status=307, headers={"Location": "/else"})
        if request.path == "/items"
        else Answer({"items": RECORDS} if request.body else {})
    )
    assert land(_source(api, method="post")).rows.height == 7


@pytest.mark.parametrize("drips", ["body", "head"])
def test_bytes_that_come_one_by_one_end_with_the_deadline(drips: str, api: Api, land: Land) -> None:
    answer = Answer({"items": RECORDS}, drip_seconds=0.05)
    if drips == "head":
        answer = Answer(wire=b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 50, drip_seconds=0.05)
    api.script = lambda _: answer
    began = time.monotonic()
    with pytest.raises(SourceUnavailableError):
        land(_source(api, deadline="1s"))
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=202),
        Answer(status=204),
        Answer({"items": RECORDS[:2]}, status=206),
        Answer({"items": RECORDS}, status=203),
        Answer(status=304),
        Answer(status=300),
        Answer(status=302),
        Answer(status=302, headers={"Location": "http://[::1"}),
        Answer(status=302, headers={"Location": "https:///nowhere"}),
        Answer(status=302, headers={"Location": "https://127.0.0.1/items"}),
        Answer(status=302, headers={"Location": "http://user:pw@127.0.0.1/items"}),
    ],
)
def test_what_is_no_whole_answer_is_refused(answer: Answer, api: Api, land: Land) -> None:
    api.script = lambda _: answer
    with pytest.raises(SourceError, match="found"):
        land(_source(api))
    assert all(asked.path == "/items" for asked in api.asked)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 503, 507, 520, 599])
def test_trouble_that_may_pass_is_tried_again(status: int, api: Api, land: Land) -> None:
    api.script = lambda _: (
        Answer(status=status) if len(api.asked) < 3 else Answer({"items": RECORDS})
    )
    assert land(_source(api)).rows.height == 7


def test_retry_after_holds_every_request(api: Api, land: Land) -> None:
    times: list[float] = []

    def script(request: Request) -> Answer:
        times.append(time.monotonic())
        if len(times) == 2:
            return Answer(status=429, headers={"Retry-After": "1"})
        answer = _by_page({})(request)
        answer.content["total"] = len(RECORDS)
        return answer

    api.script = script
    source = _source(api, pagination={"kind": "page"}, total="/total", concurrency=2)
    assert land(source).rows.height == 7
    assert max(times) - times[1] > 0.9


@pytest.mark.parametrize("asked", ["soon", "-5", "Fri, 31 Dec 1999 23:59:59 -0000", "²", ""])
def test_a_retry_after_that_says_nothing_is_passed_over(asked: str, api: Api, land: Land) -> None:
    headers = {"Retry-After": asked.encode("utf-8").decode("latin-1")}
    api.script = lambda _: (
        Answer(status=503, headers=headers) if len(api.asked) < 2 else Answer({"items": RECORDS})
    )
    assert land(_source(api)).rows.height == 7


def test_cookies_are_not_kept(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        answer = _by_page({})(request)
        answer.headers["Set-Cookie"] = "session=1; Path=/"
        return answer

    api.script = script
    land(_source(api, pagination={"kind": "page"}))
    assert all("Cookie" not in asked.headers for asked in api.asked)


def _links(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from _links(error.__context__)
        error = error.__cause__


@pytest.mark.parametrize("trouble", ["500", "cut", "refused", "redirect", "json"])
def test_no_error_holds_a_secret_in_its_chain(trouble: str, api: Api, land: Land) -> None:
    answers = {
        "500": Answer(status=500),
        "cut": Answer({"items": RECORDS}, drop_after=3),
        "refused": Answer(status=401),
        "redirect": Answer(status=302, headers={"Location": "/x?key=ca%26nary%2F1"}),
        "json": Answer(b"{"),
    }
    api.script = lambda _: answers[trouble]
    auth = {"api_key": {"query": "k", "value": "${KEY}"}}
    with pytest.raises(SourceError) as caught:
        land(_source(api, auth=auth, headers={"X-More": "${KEY}"}), {"KEY": "ca&nary/1"})
    for link in _links(caught.value):
        request = getattr(link, "_request", None)
        told = f"{link!r} {link} {request.url if request else ''} {link.args}"
        assert "ca&nary" not in told
        assert "ca%26nary" not in told


@pytest.mark.parametrize("value", ["line\n", "é", "a\r\nX-Evil: 1"])
def test_a_secret_that_no_header_can_hold_is_named_and_not_told(
    value: str, api: Api, land: Land
) -> None:
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        land(_source(api, auth={"bearer": "${KEY}"}), {"KEY": value})
    assert value not in str(caught.value)


def test_who_gives_tokens_is_not_told_the_keys_of_the_api(api: Api, land: Land) -> None:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            assert "X-Key" not in request.headers
            return Answer({"access_token": "t", "expires_in": "3600"})
        assert request.headers["X-Key"] == "canary-1"
        return Answer({"items": RECORDS})

    api.script = script
    oauth = {"token_url": f"{api.url}/token", "client_id": "me", "client_secret": "${KEY}"}
    source = _source(api, auth={"oauth2": oauth}, headers={"X-Key": "${KEY}"})
    assert land(source, {"KEY": "canary-1"}).rows.height == 7


def test_a_token_that_ends_on_the_way_is_renewed_for_each_page(api: Api, land: Land) -> None:
    tokens: list[str] = []
    uses: dict[str, int] = {}

    def script(request: Request) -> Answer:
        if request.path == "/token":
            tokens.append(f"t{len(tokens)}")
            return Answer({"access_token": tokens[-1]})
        token = request.headers["Authorization"]
        uses[token] = uses.get(token, 0) + 1
        if token != f"Bearer {tokens[-1]}" or uses[token] > 1:
            return Answer(status=401)
        answer = _by_page({})(request)
        answer.content["total"] = 7
        return answer

    api.script = script
    oauth = {"token_url": f"{api.url}/token", "client_id": "me", "client_secret": "${KEY}"}
    source = _source(api, auth={"oauth2": oauth}, pagination={"kind": "page"}, total="/total")
    assert land(source, {"KEY": "canary-1"}).rows.height == 7
    assert tokens == ["t0", "t1", "t2", "t3"]


def test_certificates_are_looked_for_where_they_are_declared(land: Land, folder: Any) -> None:
    source = {
        "kind": "http",
        "url": "https://127.0.0.1:1/",
        "schema": SCHEMA,
        "ca_bundle": "ca.pem",
    }
    with pytest.raises(ConfigError, match="certificates"):
        land(source)
    (folder / "ca.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="certificates"):
        land(source)
