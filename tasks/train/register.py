"""Register a trained version as champion or challenger, and keep the ones before it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.core.artifacts import Model, Ref
from tasks.core.commit import last_commit
from tasks.core.errors import IntegrityError
from tasks.core.records import Commit
from tasks.core.run import Run
from tasks.models.aliases import (
    BATCH,
    Aliases,
    Order,
    Registered,
    aliases_uri,
    find_aliases,
    first_aliases,
)
from tasks.models.records import Trained


@dataclass(frozen=True, slots=True)
class Standing:
    """What a trained version becomes, and by whose order.

    Args:
        champion: whether it scores from now on; else it challenges the one that does.
        order: who says so, when and why.
    """

    champion: bool
    order: Order


AT_ONCE = Standing(True, Order("", "training", "every model that is trained serves at once"))


def enter(run: Run, trained: Trained, keep_versions: int, standing: Standing = AT_ONCE) -> Aliases:
    """Write the aliases with the new version among them, and keep earlier versions in the store.

    A kept version is one whose every file is intact: a damaged one must not stand in the way of
    the training that replaces it. Without an intact champion the new version is the champion.

    Args:
        run: a run of the batch `models`, in which the bundle was written.
        trained: the new version.
        keep_versions: versions that stay, the new one included; those with an alias always do.
        standing: what the new version becomes.
    """
    record = last_commit(run.store, run.pipeline, BATCH)
    before = _readable_aliases(run, record)
    history = tuple(
        entry for entry in (before.history if before else ()) if entry.version != trained.version
    )
    served = list(before.versions.values()) if before else []
    newest = [entry.version for entry in reversed(history)]
    kept: dict[str, Ref[Model]] = {}
    for version in dict.fromkeys(each for each in (*served, *newest) if each != trained.version):
        wanted = version in served or len(kept) < keep_versions - 1
        manifest = keep_bundle(run, record, version) if wanted else None
        if manifest is not None:
            kept[version] = manifest
    whole = before and _whole(before, {**kept, trained.version: trained.model}, newest)
    reference = trained.reference
    entry = Registered(trained.version, reference.known_by, reference.run_id)
    aliases = _moved(whole, trained, standing)
    aliases = dataclasses.replace(aliases, history=(*history, entry))
    run.write_bytes(Model, aliases.to_json(), aliases_uri(run.pipeline))
    return aliases


def _moved(before: Aliases | None, trained: Trained, standing: Standing) -> Aliases:
    if before is None:
        return first_aliases(trained.model, standing.order)
    if before.champion == trained.model:
        return before  # the same training again: what it became stays
    if standing.champion:
        return before.crowned(trained.model, standing.order)
    return before.challenged(trained.model, standing.order)


def _whole(before: Aliases, kept: Mapping[str, Ref[Model]], newest: list[str]) -> Aliases | None:
    """The aliases without those whose versions are no longer whole; None without a champion.

    Where the champion is damaged the latest whole version stands in for it, so that a new champion
    has one to fall back on.
    """
    found = {alias: kept.get(version) for alias, version in before.versions.items()}
    stand_ins = (kept[version] for version in newest if version in kept)
    champion = found["champion"] or found.get("previous") or next(stand_ins, None)
    if champion is None:
        return None
    previous = found.get("previous")
    return dataclasses.replace(
        before,
        champion=champion,
        previous=None if previous == champion else previous,
        challenger=found.get("challenger"),
    )


def _readable_aliases(run: Run, record: Commit | None) -> Aliases | None:
    try:
        return find_aliases(run.store, record)
    except IntegrityError:
        # Damaged aliases cannot say what to keep; this training writes them anew.
        return None


def keep_bundle(run: Run, record: Commit | None, version: str) -> Ref[Model] | None:
    """Have the run's commit keep a whole version; its manifest, or None where it is damaged."""
    files = list(_files(run.pipeline, record, version))
    manifest = next((ref for ref in files if ref.uri.endswith("/model.json")), None)
    try:
        for ref in files:
            run.store.verify(ref)
    except IntegrityError:
        return None
    for ref in files:
        run.keep(ref)
    return manifest


def _files(pipeline: str, record: Commit | None, version: str) -> Iterator[Ref[Model]]:
    folder = f"models/{pipeline}/{version}/"
    yield from (ref for ref in (record.files if record else ()) if ref.uri.startswith(folder))
