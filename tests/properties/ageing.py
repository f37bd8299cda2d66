"""Random stores with nights that were made from each other's tables, models and mends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from tasks.core.artifacts import Arrivals, Landed, Model, Quarantined, Ref, Report, Valid
from tasks.core.commit import commit, committed_batches, open_run
from tasks.core.records import Commit
from tasks.core.retention import Aged, Reach, inputs, plan, prune
from tasks.core.run import Run
from tasks.core.store import Store, table_uri

# A kill tells nothing of a disk: where memory can be a folder, fsync costs nothing.
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
FIRST = dt.date(2010, 1, 1)
STAGES = {
    "landed": Landed,
    "valid": Valid,
    "quarantine": Quarantined,
    "reports": Report,
    "mends": Landed,
    "incidents": Report,
}


@dataclass(frozen=True)
class Day:
    """One batch date of a random store.

    Args:
        night: whether it was scored.
        back: how many days before it its night looked into.
        arrivals: whether one of its sources is read piece by piece.
        mended: whether it has mends.
        stopped: whether it has an incident.
    """

    night: bool
    back: tuple[int, ...]
    arrivals: bool
    mended: bool
    stopped: bool


@dataclass(frozen=True)
class History:
    """All dates of a random store.

    Args:
        days: one after another from FIRST on.
        trained_on: the dates its model was trained on, by their place.
        keep: dates that stay whole.
        reach: dates before those, whose valid rows stay.
    """

    days: tuple[Day, ...]
    trained_on: frozenset[int]
    keep: int
    reach: int = field(default=0)

    @property
    def cutoff(self) -> dt.date:
        return FIRST + dt.timedelta(days=len(self.days) - self.keep)


days = st.builds(
    Day,
    st.booleans(),
    st.lists(st.integers(1, 5), max_size=3, unique=True).map(tuple),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
histories = st.lists(days, min_size=1, max_size=7).flatmap(
    lambda found: st.builds(
        History,
        st.just(tuple(found)),
        st.frozensets(st.integers(0, len(found) - 1), max_size=3),
        st.integers(1, len(found)),
        st.integers(0, 4),
    )
)


def date(place: int) -> dt.date:
    return FIRST + dt.timedelta(days=place)


def valid(place: int) -> str:
    return table_uri("valid", "p", "lines", str(date(place)))


def build(store: Store, history: History) -> None:
    """Write the store, batch by batch."""
    sums: dict[str, str] = {}
    for place, day in enumerate(history.days):
        batch = str(date(place))
        if day.mended:
            with _open(store, f"mends-{batch}") as run:
                _write(run, sums, table_uri("mends", "p", "rows", batch))
                commit(run, {"kind": "mends"})
        with _open(store, batch) as run:
            for layer in ("landed", "valid", "quarantine"):
                _write(run, sums, table_uri(layer, "p", "lines", batch))
            facts = {"kind": "landing", "config_sha256": "", "code_sha256": "", "ledger": []}
            facts["held"] = [table_uri("quarantine", "p", "lines", batch)]
            facts["arrivals"] = {"lines": "digest"} if day.arrivals else {}
            if day.night:
                _write(run, sums, table_uri("reports", "p", "scores", batch, "night.parquet"))
                before = table_uri("reports", "p", "scores", str(date(place - 1)), "night.parquet")
                facts["compared"] = {before: sums[before]} if before in sums else {}
                read = [valid(place - back) for back in day.back if place >= back]
                read.append(table_uri("landed", "p", "lines", batch))
                read += [table_uri("mends", "p", "rows", batch)] if day.mended else []
                facts |= {"kind": "night", "inputs": {uri: sums[uri] for uri in read}}
            commit(run, facts)
        if day.stopped:
            with _open(store, f"incident-{batch}") as run:
                _write(run, sums, f"incidents/p/batch_date={batch}/incident.json")
                commit(run, {"kind": "incident", "inputs": {}})
    with _open(store, "arrivals-lines-2010-01-01") as run:
        run.write_bytes(Arrivals, b"rows", "arrivals/p/lines/batch_date=2010-01-01/a.parquet")
        commit(run, {"kind": "arrivals"})
    with _open(store, "models") as run:
        run.write_bytes(Model, b"weights", "models/p/v/model.json")
        commit(run, {"kind": "training"})


def reach(store: Store, history: History) -> Reach:
    read = inputs(committed_batches(store, "p"), history.cutoff)
    trained_on = map(valid, history.trained_on)
    floor = history.cutoff - dt.timedelta(days=history.reach)
    return Reach(history.cutoff, floor, frozenset([*read, *trained_on]))


def planned(store: Store, history: History) -> list[Aged]:
    return plan(list(committed_batches(store, "p")), reach(store, history))


def do_prune(store: Store, history: History) -> None:
    prune(store, planned(store, history), "pruner", lambda _: None)


def records(store: Store) -> Mapping[str, Commit]:
    return {record.batch: record for record in committed_batches(store, "p")}


def listed(store: Store) -> dict[str, Ref[object]]:
    return {ref.uri: ref for record in records(store).values() for ref in record.files}


def on_disk(store: Store) -> set[str]:
    """Every file below the layers of the store."""
    others = {"commits", "leases", "staging", "lamplighter.json"}
    return {
        path.relative_to(store.root).as_posix()
        for path in store.root.rglob("*")
        if path.is_file() and path.relative_to(store.root).parts[0] not in others
    }


def _open(store: Store, batch: str):  # type: ignore[no-untyped-def]
    return open_run(store, "p", batch, f"first-{batch}")


def _write(run: Run, sums: dict[str, str], uri: str) -> None:
    ref = run.write_bytes(STAGES[uri.partition("/")[0]], uri.encode(), uri)
    sums[uri] = ref.sha256
