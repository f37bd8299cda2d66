"""Make a trained version the champion, and keep the ones before it."""

from __future__ import annotations

from tasks.core.artifacts import Model, Ref
from tasks.core.commit import Commit, Run, last_commit
from tasks.core.errors import IntegrityError
from tasks.models.aliases import BATCH, Aliases, Registered, aliases_uri, find_aliases
from tasks.models.bundle import version_of
from tasks.models.records import Trained


def promote(run: Run, trained: Trained, keep_versions: int) -> Aliases:
    """Write the aliases with the new version on top, and keep earlier versions in the store.

    A kept version is one whose every file is intact: a damaged one must not stand in the way of
    the training that replaces it.

    Args:
        run: a run of the batch `models`, in which the bundle was written.
        trained: the new version.
        keep_versions: versions that stay, the new one included.
    """
    record = last_commit(run.store, run.pipeline, BATCH)
    before = _readable_aliases(run, record)
    history = tuple(
        entry for entry in (before.history if before else ()) if entry.version != trained.version
    )
    kept: dict[str, Ref[Model]] = {}
    for entry in history[::-1]:
        manifest = _keep(run, record, entry.version) if len(kept) < keep_versions - 1 else None
        if manifest is not None:
            kept[entry.version] = manifest
    reference = trained.reference
    entry = Registered(trained.version, reference.known_by, reference.run_id)
    aliases = Aliases(trained.model, _previous(before, trained, kept), (*history, entry))
    run.write_bytes(Model, aliases.to_json(), aliases_uri(run.pipeline))
    return aliases


def _readable_aliases(run: Run, record: Commit | None) -> Aliases | None:
    try:
        return find_aliases(run.store, record)
    except IntegrityError:
        # Damaged aliases cannot say what to keep; this training writes them anew.
        return None


def _previous(
    before: Aliases | None, trained: Trained, kept: dict[str, Ref[Model]]
) -> Ref[Model] | None:
    """The champion before this one, or the latest version that is still whole."""
    if before is not None:
        same = version_of(before.champion) == trained.version
        last = before.previous if same else before.champion
        if last is not None and version_of(last) in kept:
            return last
    return next(iter(kept.values()), None)


def _keep(run: Run, record: Commit | None, version: str) -> Ref[Model] | None:
    folder = f"models/{run.pipeline}/{version}/"
    files = [ref for ref in (record.files if record else ()) if ref.uri.startswith(folder)]
    manifest = next((ref for ref in files if ref.uri == f"{folder}model.json"), None)
    try:
        for ref in files:
            run.store.verify(ref)
    except IntegrityError:
        return None
    for ref in files:
        run.keep(ref)
    return manifest
