"""Prove on a pipeline's own data that no feature sees the future, and keep the result."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from pydantic import TypeAdapter

from flows import clock
from flows.history import history, verdicts
from flows.landing import landed
from flows.pipeline import Pipeline, load
from tasks.core.artifacts import Proven, Ref, Valid
from tasks.core.batches import BATCH_DATE, in_order, stack
from tasks.core.commit import commit, committed_batches, last_commit, open_run
from tasks.core.config import whole_days
from tasks.core.errors import DataError
from tasks.core.event import EVENT_ID
from tasks.core.keys import canonical_json, code_digest
from tasks.core.run import Run
from tasks.core.store import batch_date
from tasks.core.treatments import Learned
from tasks.features.arrival import arrived
from tasks.features.build import build_on
from tasks.features.knowledge import Knowledge, knowledge
from tasks.features.proof import Leak, Proof, prove_no_leak
from tasks.features.timeline import Timeline
from tasks.labels.config import OwnColumn
from tasks.labels.label import LABEL, label
from tasks.models.aliases import BATCH, find_aliases
from tasks.prepare.revealed import revealed
from tasks.prepare.task import prepare
from tasks.score.ladder import first_footing

UNIT = "no-leak"
_NAMED = 5
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Proved:
    """A proof and what it is of.

    Args:
        pipeline: the pipeline.
        first: first batch date of the events that were picked from, ISO.
        last: their last.
        config_sha256: digest of the pipeline's configuration.
        code_sha256: digest of the code.
        proof: what was tried and what moved.
        preparation: the same of what preparation makes of the rows; None where events have no time.
    """

    pipeline: str
    first: str
    last: str
    config_sha256: str
    code_sha256: str
    proof: Proof
    preparation: Proof | None = None

    @property
    def leaks(self) -> tuple[Leak, ...]:
        """What moved, of the features and of the prepared columns."""
        return (*self.proof.leaks, *(self.preparation.leaks if self.preparation else ()))

    @property
    def sentence(self) -> str:
        """The result for a page."""
        proof = self.proof
        tried = f"at {proof.cut_offs} cut-offs among the events from {self.first} to {self.last}"
        if proof.leaks:
            moved = ", ".join(leak.feature for leak in proof.leaks[:_NAMED])
            found = f"{len(proof.leaks)} of {len(proof.features)} features saw the future"
            return f"{found} {tried}: {moved}.{self._of_preparation}"
        none = f"None of {len(proof.features)} features saw the future {tried}."
        return f"{none}{self._of_preparation}"

    @property
    def _of_preparation(self) -> str:
        if self.preparation is None or not self.preparation.leaks:
            return ""
        moved = ", ".join(leak.feature for leak in self.preparation.leaks[:_NAMED])
        return f" Preparation saw it: {moved}."


def prove(name: str, date: dt.date | None, cut_offs: int, seed: int = 0) -> Proved:
    """Change the future of events of the pipeline's last training window, and keep what moved.

    Args:
        name: name or file of the pipeline.
        date: the last date whose events are used; empty means the last that was landed.
        cut_offs: how many events to pick.
        seed: of the picks and the invented futures.
    """
    pipeline = load(name)
    pipeline.check_secrets()
    last = date or _last_landed(pipeline)
    first = last - pipeline.config.training.window + _DAY
    past = history(pipeline, first, last)
    dimensions = landed(pipeline, last, pipeline.config.features.tables)
    tables = tuple(past.events.tables.values())
    if not tables:
        raise DataError(
            f"events from {first} to {last}",
            found="none" + "".join(f"; {gap}" for gap in past.gaps[-1:]),
            where=f"pipeline {pipeline.name}, table {pipeline.config.event.table}",
            do="Name a date that has data: --date YYYY-MM-DD.",
        )
    others = {name: tuple(window.tables.values()) for name, window in past.others.items()}
    others |= {name: (ref,) for name, ref in dimensions.items()}
    with open_run(pipeline.store, pipeline.name, UNIT, clock.attempt_name()) as run:
        proof = _prove(run, pipeline, tables, others, (first, last), cut_offs, seed)
        prepared = _prove_preparation(run, pipeline, tables, (first, last), cut_offs, seed)
    digests = (pipeline.digest, code_digest())
    proved = Proved(pipeline.name, str(first), str(last), *digests, proof, prepared)
    _keep(pipeline, proved)
    return proved


def proved_sentence(pipeline: Pipeline) -> str:
    """What a page says of the proof that is kept; empty where there is none."""
    record = last_commit(pipeline.store, pipeline.name, UNIT)
    ref = record.find(Proven, _uri(pipeline)) if record else None
    if ref is None:
        return ""
    kept = TypeAdapter(Proved).validate_python(json.loads(pipeline.store.read_bytes(ref)))
    if kept.config_sha256 == pipeline.digest:
        return kept.sentence
    return (
        "That no feature sees the future was tried for another configuration; try it again: "
        f"lamplighter prove-no-leak {pipeline.name}"
    )


def _prove(
    run: Run,
    pipeline: Pipeline,
    tables: tuple[Ref[Valid], ...],
    others: Mapping[str, tuple[Ref[Valid], ...]],
    dates: tuple[dt.date, dt.date],
    cut_offs: int,
    seed: int,
) -> Proof:
    config, event = pipeline.config, pipeline.config.event
    learned = _learned(pipeline)
    reach = (dates[0] - whole_days(config.features.lookback), dates[1])
    prepared = prepare(run, config.preparation, learned, event, tables, reach, dates)
    rows = run.scan(prepared.table).collect()
    within = rows["batch_date"].is_between(*dates)
    read = {
        name: arrived({batch_date(ref): run.scan(ref) for ref in refs}).collect()
        for name, refs in others.items()
    }
    reviewed = _reviewed(run, pipeline, dates)
    late = {config.label.column: config.label.delay} if isinstance(config.label, OwnColumn) else {}

    def builder(
        seen: pl.DataFrame, asked: pl.Series, beside: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        lazy = {name: table.lazy() for name, table in beside.items()}
        known = _labels(pipeline, seen, reviewed)
        timeline = Timeline(seen, event, asked, lazy, known, pipeline.folder)
        return build_on(config.features, timeline, learned.record.features)

    return prove_no_leak(
        builder,
        rows,
        rows.select(event.is_event()).to_series() & within,
        read,
        knowledge(config.features, event, late),
        cut_offs=cut_offs,
        span=config.features.lookback + _DAY,
        seed=seed,
    )


def _prove_preparation(
    run: Run,
    pipeline: Pipeline,
    tables: tuple[Ref[Valid], ...],
    dates: tuple[dt.date, dt.date],
    cut_offs: int,
    seed: int,
) -> Proof | None:
    """Try whether what preparation makes of a row depends on what came at its time or after."""
    config, event = pipeline.config, pipeline.config.event
    if event.time is None:
        return None
    learned, preparation = _learned(pipeline), config.preparation
    dated = [
        run.scan(ref).with_columns(pl.lit(batch_date(ref)).alias(BATCH_DATE))
        for ref in sorted(tables, key=batch_date)
    ]
    rows = in_order(stack(dated), event).drop_nulls(event.time).collect()

    def builder(
        seen: pl.DataFrame, asked: pl.Series, _: Mapping[str, pl.DataFrame]
    ) -> pl.DataFrame:
        return revealed(seen, asked, preparation, learned, event)

    return prove_no_leak(
        builder,
        rows,
        rows[BATCH_DATE].is_between(*dates),
        {},
        Knowledge(event.time, event.key),
        cut_offs=cut_offs,
        span=preparation.lookback + _DAY,
        seed=seed,
    )


def _reviewed(run: Run, pipeline: Pipeline, dates: tuple[dt.date, dt.date]) -> pl.LazyFrame | None:
    """What reviewers said of the events, where features take labels that are that."""
    if not pipeline.config.features.reads_labels:
        return None
    said = verdicts(pipeline, dates[0] - pipeline.config.lookback, dates[1])
    parts = [
        run.scan(ref).with_columns(pl.lit(day).alias(BATCH_DATE))
        for day, ref in (said.tables.items() if said else ())
    ]
    return stack(parts) if parts else None


def _labels(
    pipeline: Pipeline, rows: pl.DataFrame, reviewed: pl.LazyFrame | None
) -> pl.Series | None:
    """The labels of the rows, from these rows and what reviewers said alone."""
    config = pipeline.config
    if not config.features.reads_labels:
        return None
    until = rows["batch_date"].max()
    assert isinstance(until, dt.date)
    known_by = until + config.label.delay + _DAY
    known = label(rows.lazy(), config.label, config.event, known_by, verdicts=reviewed)
    ids = rows.select(config.event.id())
    return ids.join(known.select(EVENT_ID, LABEL), on=EVENT_ID, how="left", maintain_order="left")[
        LABEL
    ]


def _learned(pipeline: Pipeline) -> Learned:
    """The champion's, so that the features are the ones it reads; nothing before a training."""
    aliases = find_aliases(pipeline.store, last_commit(pipeline.store, pipeline.name, BATCH))
    return first_footing(pipeline.store, aliases).learned if aliases else Learned()


def _last_landed(pipeline: Pipeline) -> dt.date:
    """The last date that has data in the store; the night before this run where none has."""
    found = clock.night_before(clock.now(), pipeline.config.timezone)
    for record in committed_batches(pipeline.store, pipeline.name):
        with suppress(ValueError):
            found = dt.date.fromisoformat(record.batch)
    return found


def _keep(pipeline: Pipeline, proved: Proved) -> None:
    with open_run(pipeline.store, pipeline.name, UNIT, clock.attempt_name()) as run:
        content: dict[str, Any] = asdict(proved)
        run.write_bytes(Proven, canonical_json(content), _uri(pipeline))
        commit(run, {"kind": "proof", "ledger": []})


def _uri(pipeline: Pipeline) -> str:
    return f"proofs/{pipeline.name}/no-leak.json"
