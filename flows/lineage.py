"""Lineage: a published table traced down to the files its rows were read from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.errors import ConfigError
from tasks.core.parquet import read_metadata
from tasks.core.quarantine import SOURCE

_PREFIX = "lamplighter."


def trace(file: Path) -> dict[str, Any]:
    """What a table's own metadata says of it, and the sources of each table it was made from.

    Args:
        file: a public table, where it was published.

    Raises:
        ConfigError: there is no such file, or it is no table of Lamplighter's.
    """
    facts = _facts(file)
    inputs: Mapping[str, str] = json.loads(facts.pop("inputs"))
    facts.pop("columns", None)
    root = _root(file)
    return facts | {"inputs": [_input(root, uri, sha) for uri, sha in sorted(inputs.items())]}


def _facts(file: Path) -> dict[str, str]:
    try:
        metadata = read_metadata(file)
    except (OSError, ValueError) as error:
        raise ConfigError(
            "a Parquet table that Lamplighter published",
            found=f"{type(error).__name__}",
            where=str(file),
            do="Give the path of a file below <store>/reports.",
        ) from error
    facts = {k.removeprefix(_PREFIX): v for k, v in metadata.items() if k.startswith(_PREFIX)}
    if "inputs" not in facts:
        raise ConfigError(
            "a Parquet table that Lamplighter published",
            found="a Parquet file without its metadata",
            where=str(file),
            do="Give the path of a file below <store>/reports.",
        )
    return facts


def _root(file: Path) -> Path | None:
    """The store the file lies in; None where it was carried away."""
    parents = file.absolute().parents
    return next((folder for folder in parents if (folder / "lamplighter.json").is_file()), None)


def _input(root: Path | None, uri: str, sha256: str) -> dict[str, Any]:
    path = root / uri if root else None
    if path is None or not path.is_file():
        return {"uri": uri, "sha256": sha256, "sources": []}
    rows = pl.scan_parquet(path, hive_partitioning=False)
    if SOURCE not in rows.collect_schema():  # the mends of the date
        return {"uri": uri, "sha256": sha256, "sources": []}
    sources = rows.group_by(SOURCE).len("rows").sort(SOURCE).collect()
    return {"uri": uri, "sha256": sha256, "sources": sources.to_dicts()}
