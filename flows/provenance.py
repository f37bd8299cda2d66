"""What an outcome depends on, as it is written into tables, pages and commit records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from flows.pipeline import Pipeline
from tasks.core.keys import code_digest, run_id
from tasks.core.results import LedgerLine
from tasks.core.versions import versions
from tasks.report.records import Provenance


def provenance(
    pipeline: Pipeline,
    batch: str,
    inputs: Mapping[str, str],
    model_version: str = "",
    known_as: str | None = None,
) -> Provenance:
    """Name a run by all that its outcome depends on.

    Args:
        pipeline: the pipeline.
        batch: the batch date.
        inputs: SHA-256 of each file read, by URI.
        model_version: the model that scored or was trained.
        known_as: the run's name, where it has one already.
    """
    parts = {
        "config": pipeline.digest,
        "code": code_digest(),
        "inputs": inputs,
        "model": model_version,
    }
    return Provenance(
        run_id=known_as or run_id(pipeline.name, batch, parts),
        pipeline=pipeline.name,
        batch_date=batch,
        config_sha256=pipeline.digest,
        code_sha256=code_digest(),
        model_version=model_version,
        inputs=inputs,
        versions=versions(),
    )


def commit_facts(made: Provenance, kind: str, ledger: Iterable[LedgerLine]) -> dict[str, Any]:
    """What a commit record says beside its files."""
    return {
        "kind": kind,
        "run_id": made.run_id,
        "config_sha256": made.config_sha256,
        "code_sha256": made.code_sha256,
        "model_version": made.model_version,
        "inputs": dict(made.inputs),
        "ledger": [asdict(line) for line in ledger],
    }
