"""`lamplighter prune`, and what a night does of it by itself: old batch dates go."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows import delta, idle, terminal
from flows.clock import attempt_name
from flows.pipeline import Pipeline, load
from tasks.core import lease
from tasks.core.commit import PRUNING, committed_batches, recover
from tasks.core.errors import BusyError, ConfigError
from tasks.core.records import Commit
from tasks.core.retention import Aged, Reach, inputs, plan, prune
from tasks.models.aliases import BATCH
from tasks.report.words import size

_DAY = dt.timedelta(days=1)
_MANIFEST = "/model.json"


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, or may go.

    Args:
        pipeline: the pipeline.
        cutoff: batch dates before it have aged; empty where no night was published yet.
        batches: batches something goes of.
        files: files that go.
        bytes: their size.
        by_layer: their bytes, by the folder of the store they lie in.
        kept: files that have aged and stay, for kept tables and models refer to them.
        done: whether they are gone.
    """

    pipeline: str
    cutoff: str
    batches: int
    files: int
    bytes: int
    by_layer: dict[str, int]
    kept: int
    done: bool


def run(name: str, keep: dt.timedelta | None, yes: bool, as_json: bool) -> None:
    """Say what has aged; with `yes`, take it away."""
    pipeline = load(name)
    recover(pipeline.store, pipeline.name)
    span = keep or (pipeline.config.retention.keep if pipeline.config.retention else None)
    if span is None:
        raise ConfigError(
            "for how long to keep batch dates",
            found="neither --keep nor a retention block",
            where=str(pipeline.file.path),
            do="Say it: lamplighter prune NAME --keep 90d, or retention: {keep: 90d}.",
        )
    pruned = _prune(pipeline, span) if yes else _weigh(pipeline, *_planned(pipeline, span), False)
    if yes:
        delta.roll_forward(pipeline)
    if as_json:
        terminal.print_json(
            {field: getattr(pruned, field) for field in Pruned.__dataclass_fields__}
        )
    else:
        _tell(pruned)


def after_night(pipeline: Pipeline) -> None:
    """Take away what has aged, where the pipeline says so and nothing else is going."""
    if pipeline.config.retention is not None:
        with contextlib.suppress(BusyError):  # the next night will
            _prune(pipeline, pipeline.config.retention.keep)


def _prune(pipeline: Pipeline, keep: dt.timedelta) -> Pruned:
    from flows.publishing import refresh_index

    store, attempt = pipeline.store, attempt_name()
    with lease.hold(store.path(f"leases/{pipeline.name}/{PRUNING}.lock"), attempt):
        idle.check(pipeline, but_for=attempt)
        aged, reach = _planned(pipeline, keep)
        pruned = _weigh(pipeline, aged, reach, True)
        prune(store, aged, attempt, lambda _: None)
    if aged:
        refresh_index(pipeline)
    return pruned


def _planned(pipeline: Pipeline, keep: dt.timedelta) -> tuple[list[Aged], Reach | None]:
    records = list(committed_batches(pipeline.store, pipeline.name))
    nights = [record.batch for record in records if record.facts.get("kind") == "night"]
    if not nights:
        return [], None
    reach = _reach(pipeline, records, dt.date.fromisoformat(max(nights)), keep)
    return plan(records, reach), reach


def _reach(
    pipeline: Pipeline, records: Sequence[Commit], latest: dt.date, keep: dt.timedelta
) -> Reach:
    """What the nights that stay, the models, and the next night and training read."""
    config = pipeline.config
    histories = config.features.histories.values()
    back = max([config.lookback, *histories], default=dt.timedelta())
    # Labels come late: the scores of nights whose labels are not all known are not judged yet.
    cutoff = latest - max(keep, config.label.delay) + _DAY
    floor = latest - config.label.delay - config.training.window - back
    models = next((record for record in records if record.batch == BATCH), None)
    trained_on = _trained_on(pipeline, models) if models else ()
    return Reach(cutoff, min(cutoff, floor), frozenset([*inputs(records, cutoff), *trained_on]))


def _trained_on(pipeline: Pipeline, models: Commit) -> Iterator[str]:
    """What every model in the store was trained on, the champion or not."""
    for ref in models.files:
        if ref.uri.endswith(_MANIFEST):
            manifest = json.loads(pipeline.store.read_bytes(ref))
            yield from manifest["facts"]["reference"]["inputs"]


def _weigh(pipeline: Pipeline, aged: Sequence[Aged], reach: Reach | None, done: bool) -> Pruned:
    by_layer: Counter[str] = Counter()
    for ref in (ref for batch in aged for ref in batch.goes):
        path = pipeline.store.path(ref.uri)
        by_layer[ref.uri.partition("/")[0]] += path.stat().st_size if path.is_file() else 0
    return Pruned(
        pipeline.name,
        str(reach.cutoff) if reach else "",
        len(aged),
        sum(len(batch.goes) for batch in aged),
        sum(by_layer.values()),
        dict(sorted(by_layer.items())),
        sum(len(batch.stays) for batch in aged),
        done,
    )


def _tell(pruned: Pruned) -> None:
    if not pruned.cutoff:
        terminal.out.print(f"{pruned.pipeline} has no night yet: nothing ages.")
        return
    if not pruned.files:
        terminal.out.print(f"Nothing before {pruned.cutoff} may go.")
        return
    rows = [{"folder": layer, "size": size(held)} for layer, held in pruned.by_layer.items()]
    terminal.out.print(terminal.table(f"Before {pruned.cutoff}", rows))
    went = "went" if pruned.done else "may go"
    terminal.out.print(
        f"{pruned.files:,} files of {pruned.batches:,} batches {went}: {size(pruned.bytes)}. "
        f"{pruned.kept:,} files of them stay: nights or models that are kept were made from them, "
        "or the next training will be."
    )
    if not pruned.done:
        terminal.out.print("Nothing was removed; --yes removes it.")
