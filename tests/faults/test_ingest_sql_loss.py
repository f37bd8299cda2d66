"""Whatever happens to the connection, all rows of one snapshot land, or none."""

from __future__ import annotations

import datetime as dt
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import stamina
from pydantic import SecretStr

from tasks.core.commit import open_run
from tasks.core.errors import SourceUnavailableError
from tasks.core.results import Ingested
from tasks.core.store import Store
from tasks.ingest.sql import read_sql
from tasks.ingest.sql_config import SqlConfig
from tasks.ingest.task import ingest
from tests.unit.ingest import databases
from tests.unit.ingest.relay import Relay, relay

ROWS = 5_000
SOURCE: dict[str, Any] = {
    "kind": "sql",
    "url": "${DB}",
    "query": "select id, note, amount from events order by id",
    "schema": {"id": "i64", "note": "str", "amount": "decimal(12,2)"},
    "key": ["id"],
}
Land = Callable[..., Ingested]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with databases.postgresql() as running:
        with psycopg.connect(running.get_uri(), autocommit=True) as database:
            database.execute(
                "create table events as select i::int8 as id, repeat('x', (i % 90)::int) as note, "
                f"i::numeric(12,2) / 100 as amount from generate_series(1, {ROWS}) i"
            )
        yield running.get_uri()


@pytest.fixture
def proxy(server: str) -> Iterator[Relay]:
    with relay(server) as running:
        yield running


@pytest.fixture
def tries() -> Iterator[None]:
    """Two attempts without a wait between them."""
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def land(store: Store, tmp_path: Path) -> Land:
    def run_it(url: str, **changes: Any) -> Ingested:
        source = SqlConfig.model_validate({**SOURCE, **changes})
        with open_run(store, "shop", "2010-01-04", "test") as run:
            return ingest(run, "events", source, {"DB": SecretStr(url)}, tmp_path)

    return run_it


def _whole(landing: Ingested) -> str:
    assert landing.ledger.rows_in == landing.ledger.rows_out == ROWS
    return landing.table.sha256


THREE = {"partition": {"column": "id", "parts": 7, "connections": 3}}


@pytest.mark.usefixtures("tries")
@pytest.mark.parametrize(
    ("changes", "cuts"),
    [
        pytest.param({}, 20, id="one connection"),
        pytest.param(THREE, 10, id="three connections"),
        pytest.param({}, 100, id="one connection, 100 cuts", marks=pytest.mark.slow),
        pytest.param(THREE, 100, id="three connections, 100 cuts", marks=pytest.mark.slow),
    ],
)
def test_a_connection_cut_anywhere_is_retried_whole(
    changes: dict[str, Any], cuts: int, proxy: Relay, land: Land
) -> None:
    expected = _whole(land(proxy.url, **changes))
    total = proxy.passed
    for offset in sorted([*random.Random(4).sample(range(1, total), cuts - 1), total]):
        proxy.reset(cut_after=offset)
        assert _whole(land(proxy.url, **changes)) == expected
        assert proxy.cut_after is None or offset >= total - 200  # it was cut, and read again


def test_without_another_attempt_a_cut_lands_nothing(proxy: Relay, land: Land) -> None:
    _whole(land(proxy.url))
    for share in (0.1, 0.5, 0.9):
        proxy.reset(cut_after=int(proxy.passed * share))
        with pytest.raises(SourceUnavailableError, match="run again") as caught:
            land(proxy.url, attempts=1)
        assert caught.value.__context__ is None
        proxy.reset()
        _whole(land(proxy.url))


def test_a_stalled_connection_ends_at_the_deadline(proxy: Relay, land: Land) -> None:
    proxy.reset(stall_after=100_000)
    with pytest.raises(SourceUnavailableError, match="deadline"):
        land(proxy.url, attempts=1, deadline="1s")


def _parts(url: str, folder: Path) -> Iterator[Any]:
    # More rows than the reader may hold ahead, so that the server is not done when it is killed.
    wide = "select id, repeat(md5(random()::text), 200) as note, amount from events"
    source = SqlConfig.model_validate({**SOURCE, "query": wide, "attempts": 1})
    return read_sql("events", source, {"DB": SecretStr(url)}, dt.date(2010, 1, 4), folder)


@pytest.mark.parametrize("how", ["terminated", "killed"])
def test_a_backend_that_dies_half_way_is_told(how: str, server: str, tmp_path: Path) -> None:
    parts = _parts(server, tmp_path)
    seen = next(parts).seen
    with psycopg.connect(server, autocommit=True) as database:
        (pid,) = database.execute(
            "select pid from pg_stat_activity where query like 'COPY%' and state = 'active'"
        ).fetchone() or (0,)
        if how == "terminated":
            database.execute("select pg_terminate_backend(%s)", [pid])
        else:
            os.kill(pid, signal.SIGKILL)
    rest: list[int] = []
    with pytest.raises(SourceUnavailableError, match="run again"):
        rest.extend(part.seen for part in parts)
    assert 0 < seen + sum(rest) < ROWS


def test_a_server_that_is_killed_lands_nothing_until_it_is_back(
    tmp_path: Path, land: Land, store: Store
) -> None:
    with databases.postgresql() as running:
        url = running.get_uri()
        with psycopg.connect(url, autocommit=True) as database:
            database.execute(
                "create table events as select i::int8 as id, 'x' as note, 1::numeric as amount "
                f"from generate_series(1, {ROWS}) i"
            )
        parts = _parts(url, tmp_path)
        next(parts)
        databases.kill(running)
        with pytest.raises(SourceUnavailableError):
            list(parts)
        with stamina.set_testing(True, attempts=2), pytest.raises(SourceUnavailableError):
            land(url)
        assert not list(store.root.rglob("*.parquet"))
        running.ensure_postgres_running()
        _whole(land(url))
