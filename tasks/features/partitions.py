"""The features of many events, computed in partitions that an executor spreads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from tasks.core.artifacts import Features, Ref
from tasks.core.errors import ComputeError
from tasks.core.executor import Executor
from tasks.features.build import build_each, join
from tasks.features.codes import Ints
from tasks.features.dealing import Deal, Share, shares
from tasks.features.reading import Source
from tasks.features.timeline import Timeline

_ID = "_id"


@dataclass(frozen=True, slots=True)
class Partition:
    """One share of the features of some dates."""

    source: Source
    share: Share


@dataclass(frozen=True, slots=True)
class Made:
    """A partition's features.

    Args:
        table: the events of the share in order: a hash of each one's id, and its features.
        names: features of each family of the share.
    """

    table: Ref[Features]
    names: tuple[tuple[str, ...], ...]


def plain_features(source: Source, executor: Executor) -> tuple[Timeline, pl.DataFrame]:
    """The events, and their features by the families that learn nothing.

    Where the executor computes one partition at a time, there is one: all of it.

    Args:
        source: what is read.
        executor: where partitions are computed.

    Returns:
        A timeline whose `asking` are the events; (n_events, n_features) Float32.

    Raises:
        ComputeError: the processes that computed dealt the rows otherwise than this one.
    """
    if executor.workers == 1:
        timeline = source.timeline()
        return timeline, join(build_each(source.config, timeline), source.event)
    partitions = [
        Partition(_of_share(source, share), share)
        for share in shares(source.config, source.event, executor.workers)
    ]
    timeline = source.timeline(looks_back=False)
    made = list(executor.map(build_partition, partitions))
    by_deal: dict[Deal, list[tuple[Share, Made]]] = {}
    whole: dict[int, pl.DataFrame] = {}
    for partition, one in zip(partitions, made, strict=True):
        if partition.share.shares == 1:
            whole |= _gathered(source, timeline, [(partition.share, one)])
        else:
            by_deal.setdefault(partition.share.deal, []).append((partition.share, one))
    for dealt in by_deal.values():
        whole |= _gathered(source, timeline, dealt)
    for one in made:
        source.run.discard_part(one.table)
    return timeline, join([whole[place] for place in sorted(whole)], source.event)


def build_partition(partition: Partition) -> Made:
    """Compute one partition, in whichever process this is."""
    source, share = partition.source, partition.share
    timeline = source.timeline(share.takes(), share.deal.looks_back)
    made = build_each(source.config, timeline)
    table = pl.concat([_ids(timeline), *made], how="horizontal")
    names = tuple(tuple(each.columns) for each in made)
    return Made(source.run.write_part(Features, table), names)


def _of_share(source: Source, share: Share) -> Source:
    """The source with the families of one share, and labels only where they read them."""
    families = tuple(source.config.root[place] for place in share.families)
    config = source.config.model_copy(update={"root": families})
    labels = source.inputs.labels if config.reads_labels else None
    return replace(source, config=config, inputs=replace(source.inputs, labels=labels))


def _gathered(
    source: Source, timeline: Timeline, dealt: Sequence[tuple[Share, Made]]
) -> Mapping[int, pl.DataFrame]:
    """The features of each family of one deal, in the order of the events."""
    share, first = dealt[0]
    table = pl.concat([source.run.scan(made.table).collect() for _, made in dealt])
    order = _order(timeline, share)
    if table.height != len(order) or not table[_ID].equals(_ids(timeline)[_ID][order]):
        raise ComputeError(
            f"the {len(order)} events of the dates, each once and in order, from all shares",
            found=f"{table.height} events, or others",
            where=f"features dealt by {', '.join(share.deal.by) or 'nothing'}",
            do="Have every worker run the same release of Lamplighter and of Polars.",
        )
    placed = table[np.argsort(order)]
    return {
        place: placed.select(names)
        for place, names in zip(share.families, first.names, strict=True)
    }


def _order(timeline: Timeline, share: Share) -> Ints:
    """The places of the events, those of the first share first."""
    number = timeline.asking.with_columns(share.deal.number(share.shares).alias("_number"))
    order: Ints = np.argsort(number["_number"].to_numpy(), kind="stable")
    return order


def _ids(timeline: Timeline) -> pl.DataFrame:
    return timeline.asking.select(timeline.event.id().hash(seed=0).alias(_ID))
