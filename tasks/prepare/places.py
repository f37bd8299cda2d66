"""Where the prepared rows of a date lie: under the digest of all that they are made from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from tasks.core.artifacts import Ref, Valid
from tasks.core.event import EventConfig
from tasks.core.keys import canonical_json, code_digest, digest_bytes
from tasks.core.treatments import Learned
from tasks.prepare.config import PrepareConfig

_DIGITS = 20


def names(
    config: PrepareConfig,
    learned: Learned,
    event: EventConfig,
    schema: pl.Schema,
    tables: Mapping[dt.date, Ref[Valid]],
    days: Iterable[dt.date],
) -> dict[dt.date, str]:
    """A name for the prepared rows of each date, the same where they cannot be others.

    Args:
        config: which rows repeat another.
        learned: the treatments, and the files of theirs that could be read.
        event: what an event is.
        schema: the columns all dates are read in, those of the newest.
        tables: the valid rows by date.
        days: the dates to be named, each among the tables.
    """
    common = {
        "code": code_digest(),
        "prepare": config.model_dump(mode="json"),
        "event": event.model_dump(mode="json"),
        "treatments": [asdict(treatment) for treatment in learned.record.treatments],
        "files": sorted(learned.files),
        "columns": {name: str(dtype) for name, dtype in schema.items()},
    }
    base = digest_bytes(canonical_json(common))
    return {day: _name(base, _inputs(config, tables, day)) for day in days}


def _inputs(
    config: PrepareConfig, tables: Mapping[dt.date, Ref[Valid]], day: dt.date
) -> dict[str, str]:
    """Digests of the tables that a date is prepared from, by date."""
    first = day - config.lookback
    return {str(each): ref.sha256 for each, ref in tables.items() if first <= each <= day}


def _name(base: str, inputs: Mapping[str, Any]) -> str:
    return digest_bytes(canonical_json({"base": base, "inputs": inputs}))[:_DIGITS]
