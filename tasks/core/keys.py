"""Digests that name things by their content: files, configurations, code, runs."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

_CHUNK_BYTES = 1 << 20
_PACKAGES = ("expectations", "flows", "tasks")
_SOURCES = frozenset({".css", ".html", ".py", ".svg", ".yaml"})


def digest_file(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal; the same file, unchanged, is hashed once a process.

    Raises:
        FileNotFoundError: there is no such file.
    """
    stat = path.stat()
    return _digest_file(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@functools.lru_cache(maxsize=4096)
def _digest_file(path: Path, inode: int, size: int, mtime_ns: int) -> str:  # noqa: ARG001  # the cache key
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_bytes(content: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def digest(value: Any) -> str:
    """SHA-256 of a value's canonical JSON. Configurations hold no secret, only its name."""
    return digest_bytes(canonical_json(value))


def _plain(value: object) -> object:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, (dt.date, dt.datetime)):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no canonical JSON for {type(value).__name__}")


@functools.cache
def code_digest() -> str:
    """SHA-256 over the source of the three packages, so that an edited function is a new key."""
    root = Path(__file__).resolve().parents[2]
    return digest_tree(root, (root / package for package in _PACKAGES))


def digest_tree(root: Path, folders: Iterable[Path]) -> str:
    """SHA-256 over the relative paths and bytes of every source file below folders."""
    whole = hashlib.sha256()
    files = (f for folder in folders for f in folder.rglob("*") if f.suffix in _SOURCES)
    for file in sorted(files):
        whole.update(file.relative_to(root).as_posix().encode() + b"\0")
        whole.update(file.read_bytes() + b"\0")
    return whole.hexdigest()


def run_id(pipeline: str, batch: str, parts: Mapping[str, Any]) -> str:
    """Name a run by what it computes, so that the same input gives the same name.

    Args:
        pipeline: the pipeline's name.
        batch: its batch date.
        parts: everything the outcome depends on: digests of inputs, config, model, code.

    Returns:
        `<pipeline>-<batch>-<12 hexadecimal digits>`.
    """
    return f"{pipeline}-{batch}-{digest(parts)[:12]}"
