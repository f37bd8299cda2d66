"""A source that has not changed lands the very rows it landed, or is fetched whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stamina

from tasks.core.commit import commit, open_run
from tasks.core.errors import SourceError
from tasks.core.results import Ingested
from tasks.core.store import Store
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.task import ingest
from tasks.ingest.validators import Validators, validators_of
from tests.unit.ingest.chaos import Answer, Api, Request, serve

RECORDS: list[Any] = [{"id": i, "name": f"n{i}"} for i in range(1, 8)] + [{"id": "x", "name": "y"}]
Land = Callable[..., Ingested]


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as running, stamina.set_testing(True, attempts=3, cap=True):
        yield running


@pytest.fixture
def land(api: Api, store: Store, folder: Path) -> Land:
    """Land and publish a batch date."""
    attempts = iter(range(100))

    def run_it(date: str, **more: Any) -> Ingested:
        source = HttpConfig.model_validate(
            {
                "kind": "http",
                "url": f"{api.url}/items",
                "schema": {"id": "i32", "name": "str"},
                "conditional": True,
                **more,
            }
        )
        with open_run(store, "shop", date, f"attempt-{next(attempts)}") as run:
            done = ingest(run, "products", source, {}, folder)
            commit(run, {})
            return done

    return run_it


def _versioned(records: list[Any], tag: str = '"v1"') -> Callable[[Request], Answer]:
    """An API that knows the version that was asked about."""

    def script(request: Request) -> Answer:
        if request.headers.get("If-None-Match") == tag:
            return Answer(b"", status=304, headers={"ETag": tag}, length=0)
        return Answer(records, headers={"ETag": tag})

    return script


def _bytes(store: Store, done: Ingested) -> bytes:
    return store.read_bytes(done.table)


@pytest.mark.parametrize("dates", [("2010-01-04", "2010-01-04"), ("2010-01-04", "2010-01-06")])
def test_what_has_not_changed_lands_as_it_was(
    dates: tuple[str, str], api: Api, land: Land, store: Store
) -> None:
    api.script = _versioned(RECORDS)
    first = land(dates[0])
    before = _bytes(store, first)
    second = land(dates[1])
    assert [asked.headers.get("If-None-Match") for asked in api.asked] == [None, '"v1"']
    assert _bytes(store, second) == before
    assert second.ledger == first.ledger
    assert second.ledger.quarantined == 1
    assert first.quarantine is not None
    assert second.quarantine is not None
    assert store.read_bytes(second.quarantine) == store.read_bytes(
        first.quarantine if dates[0] != dates[1] else second.quarantine
    )
    third = land("2010-01-07")
    assert api.asked[-1].headers.get("If-None-Match") == '"v1"'
    assert _bytes(store, third) == before


def test_another_version_lands_in_its_place(api: Api, land: Land, store: Store) -> None:
    api.script = _versioned(RECORDS)
    land("2010-01-04")
    api.script = _versioned(RECORDS[:3], '"v2"')
    assert land("2010-01-04").ledger.rows_in == 3
    assert land("2010-01-05").ledger.rows_in == 3
    assert api.asked[-1].headers["If-None-Match"] == '"v2"'


def test_new_columns_are_remembered_too(api: Api, land: Land, store: Store) -> None:
    api.script = _versioned([{"id": 1, "name": "a", "more": [1]}])
    first = land("2010-01-04", drift="evolve")
    second = land("2010-01-05", drift="evolve")
    assert len(api.asked) == 2
    assert second.new_columns == first.new_columns == ("more",)
    assert _bytes(store, second) == _bytes(store, first)


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_a_table_that_is_not_there_any_more_is_fetched(
    damage: str, api: Api, land: Land, store: Store
) -> None:
    api.script = _versioned(RECORDS)
    path = store.path(land("2010-01-04").table.uri)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert land("2010-01-05").ledger.rows_in == 8
    assert "If-None-Match" not in api.asked[-1].headers


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"a": "b"}},
        {"schema": {"id": "i64", "name": "str"}},
        {"url": "{url}/else"},
        {"nulls": ["n1"]},
    ],
)
def test_another_question_is_asked_without_a_condition(
    change: dict[str, Any], api: Api, land: Land
) -> None:
    api.script = _versioned(RECORDS)
    land("2010-01-04")
    land("2010-01-04", **{k: v.format(url=api.url) if k == "url" else v for k, v in change.items()})
    assert "If-None-Match" not in api.asked[-1].headers


def test_later_dates_say_nothing_about_earlier_ones(api: Api, land: Land) -> None:
    api.script = _versioned(RECORDS)
    land("2010-01-04")
    land("2010-01-03")
    assert "If-None-Match" not in api.asked[-1].headers


def test_not_modified_that_means_another_version_is_not_believed(api: Api, land: Land) -> None:
    api.script = _versioned(RECORDS)
    land("2010-01-04")
    api.script = lambda request: (
        Answer(b"", status=304, headers={"ETag": '"v0"'}, length=0)
        if "If-None-Match" in request.headers
        else Answer(RECORDS[:2])
    )
    assert land("2010-01-05").ledger.rows_in == 2
    api.script = lambda _: Answer(b"", status=304, length=0)
    with pytest.raises(SourceError, match="304"):
        land("2010-01-06", params={"never": "asked"})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ETag": '"a"'}, Validators('"a"', None)),
        ({"ETag": 'W/"a"'}, None),
        ({"ETag": "a"}, None),
        ({}, None),
        ({"Last-Modified": "Mon, 04 Jan 2010 02:00:00 GMT"}, None),
        (
            {
                "Last-Modified": "Mon, 04 Jan 2010 02:00:00 GMT",
                "Date": "Mon, 04 Jan 2010 03:00:00 GMT",
            },
            Validators(None, "Mon, 04 Jan 2010 02:00:00 GMT"),
        ),
        (
            {
                "Last-Modified": "Mon, 04 Jan 2010 02:59:30 GMT",
                "Date": "Mon, 04 Jan 2010 03:00:00 GMT",
            },
            None,
        ),
        ({"Last-Modified": "yesterday", "Date": "today"}, None),
    ],
)
def test_only_what_tells_versions_apart_for_sure_is_sent(
    headers: dict[str, str], expected: Validators | None
) -> None:
    assert validators_of(httpx.Headers(headers)) == expected
