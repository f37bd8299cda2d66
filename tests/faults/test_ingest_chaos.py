"""Whatever an API does, all of its records land or none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import stamina
from pydantic import SecretStr

from tasks.core.artifacts import Landed
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import SourceError
from tasks.core.store import Store
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.task import ingest
from tests.unit.ingest.chaos import Answer, Api, Request, serve

RECORDS = [{"id": i, "name": f"n{i}"} for i in range(23)]
PAGE = 5
DATE = "2010-01-04"
SEEDS = 60


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with serve() as running, stamina.set_testing(True, attempts=3):
        yield running


def _page(request: Request) -> Answer:
    start = int(request.params.get("cursor", "0"))
    end = start + PAGE
    following = str(end) if end < len(RECORDS) else None
    return Answer({"items": RECORDS[start:end], "next": following, "total": len(RECORDS)})


def _disturbed(request: Request, chance: random.Random) -> Answer:
    """A page, or one of the ways in which it goes wrong."""
    whole = _page(request)
    body = whole.content
    return chance.choice(
        [
            Answer(status=429, headers={"Retry-After": "0"}),
            Answer(status=chance.choice([500, 502, 503, 504])),
            Answer(body, drop_after=chance.randrange(60)),
            Answer(body, length=chance.randrange(1, 4000)),
            Answer(b"<html>"),
            Answer({**body, "items": body["items"][:-1]}),
            Answer({**body, "items": RECORDS[:PAGE]}),
            Answer({**body, "next": chance.choice(["0", "5", "10", None])}),
            Answer({**body, "total": chance.randrange(40)}),
            Answer({"error": "later"}),
            Answer(status=302, headers={"Location": "http://169.254.169.254/"}),
        ]
    )


@pytest.mark.parametrize("block", range(6))
def test_no_disturbance_leaves_a_part(block: int, api: Api, store: Store, tmp_path: Path) -> None:
    source = HttpConfig.model_validate(
        {
            "kind": "http",
            "url": f"{api.url}/items",
            "records": "/items",
            "total": "/total",
            "pagination": {"kind": "cursor", "next": "/next"},
            "schema": {"id": "i32", "name": "str"},
            "key": ["id"],
        }
    )
    outcomes = set()
    for seed in range(block, SEEDS, 6):
        chance = random.Random(seed)
        often = chance.choice([0.05, 0.2, 0.5])
        api.script = lambda request, chance=chance, often=often: (  # type: ignore[misc]
            _disturbed(request, chance) if chance.random() < often else _page(request)
        )
        published = last_commit(store, "shop", DATE)
        secrets: dict[str, SecretStr] = {}
        with open_run(store, "shop", DATE, f"seed-{seed}") as run:
            try:
                done = ingest(run, "products", source, secrets, tmp_path)
            except SourceError:
                outcomes.add("refused")
                assert last_commit(store, "shop", DATE) == published
                continue
            commit(run, {})
        record = last_commit(store, "shop", DATE)
        assert record is not None
        table = record.find(Landed, done.table.uri)
        assert table is not None
        assert (
            store.scan(table)
            .select("id")
            .collect()
            .equals(pl.DataFrame({"id": range(len(RECORDS))}, schema={"id": pl.Int32}))
        )
        outcomes.add("landed")
    assert outcomes == {"landed", "refused"}
