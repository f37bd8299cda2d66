"""What of a store has aged: which files of which batches may go, and taking them away.

A batch ages by its date. Of one that is older than the cut-off only those files stay that somebody
still reads; what stays is committed anew, as a batch that was landed and nothing else. Models,
trainings, arrivals and whatever is not dated do not age.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from tasks.core.artifacts import Ref, Valid
from tasks.core.commit import WITHDRAWN, commit, last_commit, open_run, withdraw
from tasks.core.config import Config, Duration
from tasks.core.records import Commit
from tasks.core.store import Store

_DATE_AT_END = re.compile(r"(?:^|-)(\d{4}-\d{2}-\d{2})$")
_BATCH_DATE = re.compile(r"/batch_date=(\d{4}-\d{2}-\d{2})/")
_AGEING = {"night", "landing", "incident", "mends", "prepared", "tallies", WITHDRAWN}
_REFERS = ("inputs", "compared")  # facts that hold the digests of files by their URI
_JUDGED = "realised"  # one unit for many nights: each of its files ages with its night
_RAW = {"landed", "quarantine"}
_OF_THE_PAST = ("history/", "tallies/")


class RetentionConfig(Config):
    """How long batch dates are kept, counted back from the latest night."""

    keep: Duration = Field(
        ge=dt.timedelta(days=1), description="Age from which a batch date may go"
    )


@dataclass(frozen=True, slots=True)
class Reach:
    """What is still read, and by whom.

    Args:
        cutoff: batches of this date and later stay whole.
        floor: valid and prepared rows of this date and later stay: the next night and training read
            them.
        inputs: URIs that nights, models and others which stay were made from.
    """

    cutoff: dt.date
    floor: dt.date
    inputs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Aged:
    """A batch of which something may go.

    Args:
        record: what it has.
        goes: the files that may go.
        stays: the files that are still read.
    """

    record: Commit
    goes: tuple[Ref[Any], ...]
    stays: tuple[Ref[Any], ...]


def date_of(record: Commit) -> dt.date | None:
    """The date by which a batch ages; None where it does not."""
    found = _DATE_AT_END.search(record.batch)
    if found is None or record.facts.get("kind") not in _AGEING:
        return None
    return dt.date.fromisoformat(found[1])


def inputs(records: Iterable[Commit], cutoff: dt.date) -> Iterator[str]:
    """URIs that the batches which stay whole were made from."""
    for record in records:
        day = date_of(record)
        if day is None or day >= cutoff:
            for fact in _REFERS:
                yield from record.facts.get(fact, {})


def plan(records: Iterable[Commit], reach: Reach) -> list[Aged]:
    """What may go of each batch, by the batch's name; batches that stay whole are not named."""
    known = list(records)
    dates = {record.batch for record in known if _keeps_rows(record, reach)}
    found = []
    for record in known:
        stays = tuple(ref for ref in record.files if _stays(record, ref, reach, dates))
        goes = tuple(ref for ref in record.files if ref not in stays)
        if goes or record.facts.get("kind") == WITHDRAWN:
            found.append(Aged(record, goes, stays))
    return found


def prune(store: Store, aged: Iterable[Aged], attempt: str, done: Callable[[Aged], None]) -> None:
    """Take away what may go, batch by batch; each is what it was or what it shall be.

    Args:
        store: the store.
        aged: what may go, as planned while the pruning lease was held that is held still.
        attempt: the holder of that lease.
        done: told of each batch that is done.

    Raises:
        BusyError: another run holds a batch.
        IntegrityError: a file that stays was changed; its batch is left as it is.
    """
    for batch in aged:
        record = batch.record
        with open_run(store, record.pipeline, record.batch, attempt) as run:
            if last_commit(store, record.pipeline, record.batch) != record:
                continue  # run again since: it is as young as its run
            for ref in batch.stays:
                run.keep(ref)
            if batch.stays:
                commit(run, _facts(batch))
            else:
                withdraw(run)
        _remove_empty(store, batch.goes)
        done(batch)


def _keeps_rows(record: Commit, reach: Reach) -> bool:
    """Whether rows of a date stay, so that what they were landed from must stay with them."""
    return any(_is_read(ref, reach) for ref in record.files)


def _stays(record: Commit, ref: Ref[Any], reach: Reach, dates: set[str]) -> bool:
    day = date_of(record)
    if record.facts.get("kind") == _JUDGED:
        night = _BATCH_DATE.search(ref.uri)
        return night is None or dt.date.fromisoformat(night[1]) >= reach.cutoff
    if day is None or day >= reach.cutoff or _is_read(ref, reach):
        return True
    if record.facts.get("kind") == "mends":
        return str(day) in dates
    # Rows that arrive late are merged with what was landed: the sources may be gone by then.
    lands_again = bool(record.facts.get("arrivals")) and record.batch in dates
    return lands_again and ref.uri.partition("/")[0] in _RAW


def _is_read(ref: Ref[Any], reach: Reach) -> bool:
    if ref.uri in reach.inputs:
        return True
    rows = ref.stage == Valid.__name__.lower() or ref.uri.startswith(_OF_THE_PAST)
    made = _BATCH_DATE.search(ref.uri) if rows else None
    return made is not None and dt.date.fromisoformat(made[1]) >= reach.floor


def _facts(batch: Aged) -> Mapping[str, Any]:
    """The facts of what is left: of a night, that it was landed."""
    facts = batch.record.facts
    if facts.get("kind") not in {"night", "landing"}:
        return facts
    left = {ref.uri for ref in batch.stays}
    return {
        "kind": "landing",
        "was": facts.get("was", facts["kind"]),
        "config_sha256": facts["config_sha256"],
        "code_sha256": facts["code_sha256"],
        "ledger": [line for line in facts["ledger"] if line["stage"] in ("ingest", "validate")],
        "held": [uri for uri in facts.get("held", []) if uri in left],
        "arrivals": facts.get("arrivals", {}),
    }


def _remove_empty(store: Store, gone: Iterable[Ref[Any]]) -> None:
    for folder in {store.path(ref.uri).parent for ref in gone}:
        with contextlib.suppress(OSError):  # it holds something else, or is gone
            folder.rmdir()
