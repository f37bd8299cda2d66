"""Whatever an API does, all of its records land or none, and the error has a name."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import stamina

from tasks.core.artifacts import Landed
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import DataError, SourceError
from tasks.core.store import Store
from tasks.ingest.http import read_http
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.parts import Part
from tasks.ingest.task import ingest
from tests.faults.http_faults import PAGINATIONS, RECORDS, TYPES, Api
from tests.unit.ingest.chaos import Api as Server
from tests.unit.ingest.chaos import serve

DATE = dt.date(2010, 1, 4)
SEEDS = 8  # for each pagination and format
NAMED = (SourceError, DataError)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve() as running, stamina.set_testing(True, attempts=4, cap=True):
        yield running


def _api(pagination: str, form: str, seed: int) -> Api:
    chance = random.Random(f"{pagination} {form} {seed}")
    with_total = seed % 2 == 0
    often = chance.choice([0.1, 0.3, 0.6])
    return Api(pagination, form, chance, often, once=not with_total, with_total=with_total)


def _check(parts: list[Part]) -> None:
    """The records that were taken and those that were held back are all there are, as they are."""
    held = {one.line for part in parts for one in part.held}
    rows = pl.concat([part.rows for part in parts]).select("id", "name", "price")
    assert sum(part.seen for part in parts) == len(RECORDS)
    assert rows.height + len(held) == len(RECORDS)
    expected = pl.DataFrame(RECORDS, schema=rows.schema)
    assert expected.join(rows, on=rows.columns, how="anti", nulls_equal=True).height == len(held)
    if not held:
        assert rows.equals(expected)


@pytest.mark.parametrize("form", TYPES)
@pytest.mark.parametrize("pagination", PAGINATIONS)
def test_all_records_come_or_a_named_error(
    pagination: str, form: str, server: Server, tmp_path: Path
) -> None:
    if form != "json" and PAGINATIONS[pagination].get("next"):
        pytest.skip("a pointer leads nowhere outside of JSON")
    outcomes: Counter[str] = Counter()
    for seed in range(SEEDS):
        api = _api(pagination, form, seed)
        server.script = api.script
        concurrency = 1 + 3 * (seed % 4 // 2)
        source = HttpConfig.model_validate(api.source(server.url, concurrency))
        try:
            parts = list(read_http(source, {}, DATE, "sources.items", tmp_path))
        except NAMED:
            outcomes["refused"] += 1
        else:
            _check(parts)
            outcomes["taken"] += 1
    assert outcomes["taken"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 600))
def test_all_records_come_or_a_named_error_at_length(
    seed: int, server: Server, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    form = chance.choice(list(TYPES))
    ways = [way for way, how in PAGINATIONS.items() if form == "json" or not how.get("next")]
    api = _api(chance.choice(ways), form, seed)
    server.script = api.script
    source = HttpConfig.model_validate(api.source(server.url, chance.choice([1, 4, 16])))
    try:
        parts = list(read_http(source, {}, DATE, "sources.items", tmp_path))
    except NAMED:
        return
    _check(parts)


def test_what_is_published_stays_until_all_of_it_is_there(
    server: Server, store: Store, tmp_path: Path
) -> None:
    outcomes = set()
    for seed in range(12):
        api = _api("cursor", "json", 2 * seed)
        server.script = api.script
        source = HttpConfig.model_validate(api.source(server.url, 1))
        published = last_commit(store, "shop", str(DATE))
        with open_run(store, "shop", str(DATE), f"seed-{seed}") as run:
            try:
                done = ingest(run, "items", source, {}, tmp_path)
            except SourceError:
                outcomes.add("refused")
                assert last_commit(store, "shop", str(DATE)) == published
                continue
            commit(run, {})
        record = last_commit(store, "shop", str(DATE))
        assert record is not None
        table = record.find(Landed, done.table.uri)
        assert table is not None
        assert table.rows + done.ledger.quarantined == len(RECORDS)
        outcomes.add("landed")
    assert outcomes == {"landed", "refused"}
