"""Land a PostgreSQL table in a process of its own, which says what it took."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tasks.core.commit import commit, open_run
from tasks.core.errors import LamplighterError
from tasks.core.store import Store
from tasks.ingest.sql_config import SqlConfig
from tasks.ingest.task import ingest

SOURCE: dict[str, Any] = {
    "kind": "sql",
    "url": "${DB}",
    "query": "select * from events order by id",
    "schema": {
        "id": "i64",
        "customer": "i32",
        "amount": "decimal(12,2)",
        "ratio": "f64",
        "placed": "datetime",
        "seen": {"type": "datetime", "timezone": "UTC"},
        "day": "date",
        "paid": "bool",
        "country": "str",
        "note": "str",
        "ref": "str",
        "token": "binary",
    },
    "key": ["id"],
    "attempts": 1,
}


def main(store: str, url: str) -> int:
    """Land it; print rows, the table's place and digest, and CPU seconds."""
    source = SqlConfig.model_validate(SOURCE)
    with open_run(Store(Path(store)), "shop", "2010-01-04", "test") as run:
        try:
            done = ingest(run, "events", source, {"DB": SecretStr(url)}, Path(store))
        except LamplighterError as error:
            sys.stderr.write(f"{type(error).__name__}: {error}")
            return error.exit_code
        commit(run, {"kind": "landing"})
    told = {"rows": done.ledger.rows_out, "uri": done.table.uri, "sha256": done.table.sha256}
    sys.stdout.write(json.dumps(told | {"cpu": time.process_time()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
