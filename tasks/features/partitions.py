"""The features of many events, computed in partitions and given piece by piece.

A partition is a share of the families and of the rows. There are as many shares as the executor
computes at once, and more where there are so many rows that a share of them would not fit memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from tasks.core.artifacts import Features
from tasks.core.executor import Executor
from tasks.core.parquet import ROW_GROUP_ROWS
from tasks.features.build import build_each, join
from tasks.features.dealing import Deal, Share, shares
from tasks.features.gathering import Dealt, Made, event_ids
from tasks.features.reading import Source

SHARE_ROWS = 2_000_000

Piece = tuple[pl.DataFrame, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Partition:
    """One share of the features of some dates."""

    source: Source
    share: Share


def plain_features(source: Source, executor: Executor) -> Iterator[Piece]:
    """The events, and their features by the families that learn nothing, piece by piece.

    Pieces are cut at fixed rows, at least one of them, however the partitions are computed.

    Args:
        source: what is read.
        executor: where partitions are computed.

    Returns:
        For each piece the events' rows, and (n_events, n_features) Float32.

    Raises:
        ComputeError: the processes that computed dealt the rows otherwise than this one.
    """
    count = max(executor.workers, math.ceil(source.rows / SHARE_ROWS))
    if count == 1:
        timeline = source.timeline()
        plain = join(build_each(source.config, timeline), source.event)
        asking = timeline.asking
        for start in range(0, max(asking.height, 1), ROW_GROUP_ROWS):
            yield asking.slice(start, ROW_GROUP_ROWS), plain.slice(start, ROW_GROUP_ROWS)
        return
    partitions = [
        Partition(_of_share(source, share), share)
        for share in shares(source.config, source.event, count)
    ]
    made = list(executor.map(build_partition, partitions))
    dealt = [Dealt(source, each) for each in _by_deal(partitions, made)]
    for asking in source.asking(ROW_GROUP_ROWS):
        found: dict[int, pl.DataFrame] = {}
        for each in dealt:
            found |= each.take(asking)
        yield asking, join([found[place] for place in sorted(found)], source.event)
    for each in dealt:
        each.check_end()
    for one in made:
        source.run.discard_part(one.table)


def build_partition(partition: Partition) -> Made:
    """Compute one partition, in whichever process this is."""
    source, share = partition.source, partition.share
    timeline = source.timeline(share.takes(), share.deal.looks_back)
    made = build_each(source.config, timeline)
    ids = event_ids(timeline.asking, source.event).to_frame()
    table = pl.concat([ids, *made], how="horizontal")
    names = tuple(tuple(each.columns) for each in made)
    return Made(source.run.write_part(Features, table), names)


def _by_deal(
    partitions: Sequence[Partition], made: Sequence[Made]
) -> Iterator[list[tuple[Share, Made]]]:
    """The partitions that belong together: those of one deal, and each that is whole by itself."""
    by_deal: dict[Deal, list[tuple[Share, Made]]] = {}
    for partition, one in zip(partitions, made, strict=True):
        if partition.share.shares == 1:
            yield [(partition.share, one)]
        else:
            by_deal.setdefault(partition.share.deal, []).append((partition.share, one))
    yield from by_deal.values()


def _of_share(source: Source, share: Share) -> Source:
    """The source with the families of one share, and labels only where they read them."""
    families = tuple(source.config.root[place] for place in share.families)
    config = source.config.model_copy(update={"root": families})
    labels = source.inputs.labels if config.reads_labels else None
    return replace(source, config=config, inputs=replace(source.inputs, labels=labels))
