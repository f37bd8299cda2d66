"""What the ingestion tests share: a landing that can be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr, TypeAdapter

from tasks.core.commit import open_run
from tasks.core.results import LedgerLine
from tasks.core.store import Store
from tasks.ingest.config import SourceConfig
from tasks.ingest.task import ingest
from tests.unit.ingest import databases

DATE = "2010-01-04"

_SOURCE: TypeAdapter[Any] = TypeAdapter(SourceConfig)


@dataclass(frozen=True)
class Landing:
    """What became of a source: rows, held-back records, the ledger's line, and new columns."""

    rows: pl.DataFrame
    held: pl.DataFrame
    ledger: LedgerLine
    new_columns: tuple[str, ...] = ()


Land = Callable[..., Landing]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The pipeline's folder."""
    path = tmp_path / "pipeline"
    path.mkdir()
    return path


@pytest.fixture
def land(store: Store, folder: Path) -> Land:
    """Land a source and read back what was written."""

    def run_it(source: Mapping[str, Any], secrets: Mapping[str, str] | None = None) -> Landing:
        config = _SOURCE.validate_python(dict(source))
        known = {name: SecretStr(value) for name, value in (secrets or {}).items()}
        with open_run(store, "shop", DATE, "test") as run:
            done = ingest(run, "lines", config, known, folder)
            held = run.scan(done.quarantine).collect() if done.quarantine else pl.DataFrame()
            rows = run.scan(done.table).collect()
            return Landing(rows, held, done.ledger, done.new_columns)

    return run_it


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server's address."""
    with databases.postgresql() as server:
        yield server.get_uri()


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A MariaDB server's address."""
    if databases.mariadb_binary() is None:
        pytest.skip("MariaDB is not installed: apt-get install mariadb-server")
    with databases.mariadb(tmp_path_factory.mktemp("mariadb")) as url:
        yield url
