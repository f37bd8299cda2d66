"""Lineage: a published table, a model or an export traced down to the files its rows came from."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from tasks.core.artifacts import Ref
from tasks.core.commit import last_commit
from tasks.core.errors import ConfigError, IntegrityError
from tasks.core.keys import digest_bytes, digest_file
from tasks.core.parquet import read_metadata
from tasks.core.quarantine import SOURCE
from tasks.core.store import Store, batch_date
from tasks.report.delta import read_origins

Told = dict[str, Any]

ORIGIN = ".origin.json"
_PREFIX = "lamplighter."
_SCORES = "scores/"  # what a night computed, from which later tables are made
_DO = (
    "Give a table below <store>/reports, a model.json below <store>/models, an exported CSV, "
    "or the folder of a Delta table below <store>/delta."
)


def trace(file: Path) -> Told:
    """What a file says of itself, and the sources of each table it was made from.

    Args:
        file: a public table, the `model.json` of a model, an exported CSV, or the folder of a
            Delta table.

    Raises:
        ConfigError: there is no such file, or it is none of Lamplighter's.
        IntegrityError: a model's manifest is not the one its version names.
    """
    if file.is_dir():
        return _delta(file)
    tracers: Mapping[str, Callable[[Path], Told]] = {".csv": _export, ".json": _model}
    return tracers.get(file.suffix, _table)(file)


def _table(file: Path) -> Told:
    facts: Told = dict(_facts(file))
    inputs: Mapping[str, str] = json.loads(facts.pop("inputs"))
    facts.pop("columns", None)
    root = _root(file)
    version = facts.get("model_version")
    if version:
        uri = f"models/{facts['pipeline']}/{version}/model.json"
        facts["model"] = {"uri": uri, "found": bool(root and (root / uri).is_file())}
    return facts | {"inputs": _inputs(root, inputs)}


def _model(file: Path) -> Told:
    try:
        content = file.read_bytes()
        facts = json.loads(content)["facts"]
        reference = facts["reference"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _not_ours("the model.json of a model", type(error).__name__, file) from error
    version, sha256 = file.absolute().parent.name, digest_bytes(content)
    if not sha256.startswith(version):
        raise IntegrityError(
            f"a manifest whose digest begins with its version, {version}",
            found=sha256,
            where=str(file),
            do="Restore the file from a copy, or train the pipeline again.",
        )
    inputs = reference.pop("inputs")
    told = {"model_version": version, "pipeline": facts["pipeline"], **reference}
    return told | {
        "features": len(facts["features"]),
        "inputs": _inputs(_root(file), inputs),
    }


def _export(file: Path) -> Told:
    beside = file.with_name(file.name + ORIGIN)
    try:
        origin = json.loads(beside.read_text(encoding="utf-8"))
        table = Path(origin["table"])
        unchanged = digest_file(file) == origin["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{type(error).__name__} at {beside.name}"
        raise _not_ours("an exported CSV, and its origin beside it", found, file) from error
    told = {
        "exported": str(file),
        "rows": origin["rows"],
        "unchanged": unchanged,
        "exported_from": str(table),
        "sha256": origin["table_sha256"],
        "found": _state(table, origin["table_sha256"]),
    }
    return told | (_table(table) if table.is_file() else {})


def _delta(folder: Path) -> Told:
    root, table = _root(folder), folder.absolute().name
    origins = read_origins(folder.absolute().parent).get(table)
    if origins is None:
        raise _not_ours("a Delta table below <store>/delta", "none that is known", folder)
    return {
        "table": table,
        "pipeline": folder.absolute().parent.name,
        "made_from": [
            {"batch_date": day, "uri": uri, "sha256": sha256, "found": found}
            for day, sources in sorted(origins.items())
            for uri, sha256 in sources.items()
            for found in [_state(root / uri if root else None, sha256)]
        ],
    }


def _facts(file: Path) -> dict[str, str]:
    wanted = "a Parquet table that Lamplighter published"
    try:
        metadata = read_metadata(file)
    except (OSError, ValueError) as error:
        raise _not_ours(wanted, type(error).__name__, file) from error
    facts = {k.removeprefix(_PREFIX): v for k, v in metadata.items() if k.startswith(_PREFIX)}
    if "inputs" not in facts:
        raise _not_ours(wanted, "a Parquet file without its metadata", file)
    return facts


def _not_ours(required: str, found: str, file: Path) -> ConfigError:
    return ConfigError(required, found=found, where=str(file), do=_DO)


def _root(file: Path) -> Path | None:
    """The store the file lies in; None where it was carried away."""
    parents = file.absolute().parents
    return next((folder for folder in parents if (folder / "lamplighter.json").is_file()), None)


def _inputs(root: Path | None, inputs: Mapping[str, str]) -> list[Told]:
    return [_input(root, uri, sha256) for uri, sha256 in sorted(inputs.items())]


def _input(root: Path | None, uri: str, sha256: str) -> Told:
    path = root / uri if root else None
    told: Told = {"uri": uri, "sha256": sha256, "found": _state(path, sha256), "sources": []}
    if path is not None and path.is_file():
        rows = pl.scan_parquet(path, hive_partitioning=False)
        if SOURCE in rows.collect_schema():  # mends of the date have none
            told["sources"] = rows.group_by(SOURCE).len("rows").sort(SOURCE).collect().to_dicts()
        elif uri.startswith(_SCORES) and root is not None:
            told["made_from"] = _of_night(root, uri)
    return told


def _of_night(root: Path, uri: str) -> list[Told]:
    """What a night's scores were made from, by its commit; nothing where it has none any more."""
    pipeline, batch = uri.split("/")[1], str(batch_date(Ref(uri, "", 0, "scores")))
    record = last_commit(Store(root), pipeline, batch)
    return _inputs(root, record.facts.get("inputs", {})) if record else []


def _state(path: Path | None, sha256: str) -> str:
    """Whether a file is still what was read: `as it was`, `changed since`, or `not here`."""
    if path is None or not path.is_file():
        return "not here"
    return "as it was" if digest_file(path) == sha256 else "changed since"
