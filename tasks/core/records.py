"""The record of what is published for a batch: its content, its seal, and where it lies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tasks.core.artifacts import Ref
from tasks.core.errors import IntegrityError
from tasks.core.keys import canonical_json, digest_bytes
from tasks.core.store import Store

S = TypeVar("S")

_SEAL = "sha256"


@dataclass(frozen=True, slots=True)
class Commit:
    """What was published for one batch.

    Args:
        pipeline: the pipeline.
        batch: the batch date, or the name of another unit that is published together.
        attempt: the execution that published it.
        fence: the fence of its lease.
        files: every file of the batch.
        facts: what else is true of it: run id, digests of config, inputs and code, versions.
    """

    pipeline: str
    batch: str
    attempt: str
    fence: int
    files: tuple[Ref[Any], ...]
    facts: Mapping[str, Any]

    def find(self, made: type[S], uri: str) -> Ref[S] | None:
        """The file at a URI, if this batch published one there and that stage made it."""
        stage = made.__name__.lower()
        return next((ref for ref in self.files if ref.uri == uri and ref.stage == stage), None)


def read_record(store: Store, pipeline: str, batch: str) -> Commit | None:
    """The record of a batch, None where nothing is published.

    Raises:
        IntegrityError: the record is not one.
    """
    path = record_path(store, pipeline, batch)
    try:
        content = unseal(path.read_bytes())
        content.pop("superseded")
        files: tuple[Ref[Any], ...] = tuple(Ref(**ref) for ref in content.pop("files"))
        return Commit(files=files, **content)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(
            "a commit record with the digest of its content",
            found=f"{type(error).__name__}: {error}",
            where=str(path),
            do="Restore the record from a copy, or delete it and run the batch again.",
        ) from error


def seal(content: Mapping[str, Any]) -> bytes:
    """A record's bytes: its content, and the digest that tells a flipped bit of it."""
    return canonical_json({**content, _SEAL: digest_bytes(canonical_json(content))})


def unseal(record: bytes) -> dict[str, Any]:
    """A record's content; its bytes are the ones that were written.

    Raises:
        ValueError: they are not.
    """
    content: dict[str, Any] = json.loads(record)
    digest = content.pop(_SEAL)
    if digest != digest_bytes(canonical_json(content)) or record != seal(content):
        raise ValueError("the content is not what its digest says")
    return content


def record_path(store: Store, pipeline: str, batch: str) -> Path:
    """Where a batch's record lies."""
    return store.path(f"commits/{pipeline}/{batch}.json")


def lease_path(store: Store, pipeline: str, batch: str) -> Path:
    """Where the lease of a batch lies."""
    return store.path(f"leases/{pipeline}/{batch}.lock")


def staging_path(store: Store, pipeline: str, batch: str) -> Path:
    """The folder in which the runs of a batch write aside."""
    return store.path(f"staging/{pipeline}/{batch}")
