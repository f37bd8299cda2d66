"""What of a date stays when it is landed anew: the sources that are read whole, as they landed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.core.artifacts import Landed, Quarantined, Ref
from tasks.core.records import Commit
from tasks.core.results import Ingested, LedgerLine
from tasks.core.store import table_uri
from tasks.ingest.config import SourceConfig

# As ingest left them: mends are applied again.
_LANDED = ("evolved.parquet", "part-0.parquet")
_HELD = "ingest.parquet"


def ingested(record: Commit, name: str) -> Ingested | None:
    """What `ingest` made of a source, from the date's commit; None where it has nothing of it."""
    table = _find_landed(record, name)
    if table is None:
        return None
    held = record.find(
        Quarantined, table_uri("quarantine", record.pipeline, name, record.batch, _HELD)
    )
    lines = (line for line in record.facts["ledger"] if line["stage"] == "ingest")
    rejected: Mapping[str, int] = next(
        (line["rejected"] for line in lines if line["table"] == name), {}
    )
    held_rows = held.rows if held else 0
    rows_in = table.rows + held_rows + sum(rejected.values())
    line = LedgerLine("ingest", name, rows_in, table.rows, held_rows, rejected)
    return Ingested(table, held, line)


def files_to_keep(
    record: Commit, names: Sequence[str], sources: Mapping[str, SourceConfig]
) -> Iterator[Ref[Any]]:
    """The files of a date that landing its sources anew neither writes nor makes void."""
    for ref in record.files:
        layer, _, table, *_ = ref.uri.split("/")
        written = layer in {"landed", "valid", "quarantine"} and table in names
        by_ingest = ref.uri.endswith((*_LANDED, _HELD)) and layer != "valid"
        if not written or (by_ingest and not sources[table].is_incremental):
            yield ref


def _find_landed(record: Commit, name: str) -> Ref[Landed] | None:
    uris = (table_uri("landed", record.pipeline, name, record.batch, file) for file in _LANDED)
    return next((ref for uri in uris if (ref := record.find(Landed, uri))), None)
