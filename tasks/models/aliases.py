"""Which versions serve: the champion, the one before it, and what was registered when."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from tasks.core.artifacts import Model, Ref
from tasks.core.commit import committed_batches, last_commit
from tasks.core.errors import IntegrityError, ModelMissingError
from tasks.core.keys import canonical_json
from tasks.core.records import Commit
from tasks.core.store import Store

BATCH = "models"
Alias = Literal["champion", "challenger", "previous"]
UNSELECTED = "unselected-"  # the unit of a training that selected nothing, before its date


@dataclass(frozen=True, slots=True)
class Registered:
    """One entry of the history.

    Args:
        version: the bundle's name.
        known_by: the date by which its labels were known, ISO.
        run_id: the run that trained it.
    """

    version: str
    known_by: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Move:
    """Who made which version what, when and why.

    Args:
        alias: `champion` or `challenger`.
        version: the version that it names from then on; empty where none is.
        before: the version that it named before; empty where it named none.
        at: the moment, ISO, in UTC.
        by: who: a training, the monitoring, or a person.
        why: in words.
    """

    alias: Alias
    version: str
    before: str
    at: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Order:
    """Who asks for a move, when and why."""

    at: str
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Aliases:
    """The versions that serve.

    Args:
        champion: scores every night.
        previous: scores where the champion cannot; None before the second champion.
        history: registered versions, oldest first.
        challenger: scores in the shadow, until it turns out better or another one comes.
        moves: of the aliases, oldest first.
    """

    champion: Ref[Model]
    previous: Ref[Model] | None
    history: tuple[Registered, ...]
    challenger: Ref[Model] | None = None
    moves: tuple[Move, ...] = ()

    @property
    def named(self) -> Mapping[Alias, Ref[Model]]:
        """The manifest behind each alias that names one."""
        every: dict[Alias, Ref[Model] | None] = {
            "champion": self.champion,
            "challenger": self.challenger,
            "previous": self.previous,
        }
        return {alias: ref for alias, ref in every.items() if ref is not None}

    @property
    def versions(self) -> Mapping[Alias, str]:
        """The version of each alias."""
        return {alias: _version(ref) for alias, ref in self.named.items()}

    def crowned(self, ref: Ref[Model], order: Order) -> Aliases:
        """With another champion, the one so far as the previous one."""
        challenger = None if self.challenger == ref else self.challenger
        previous = self.previous if ref == self.champion else self.champion
        move = _move("champion", ref, self.champion, order)
        moves = (*self.moves, move)
        return dataclasses.replace(
            self, champion=ref, previous=previous, challenger=challenger, moves=moves
        )

    def challenged(self, ref: Ref[Model], order: Order) -> Aliases:
        """With another challenger."""
        moves = (*self.moves, _move("challenger", ref, self.challenger, order))
        return dataclasses.replace(self, challenger=ref, moves=moves)

    def among(self, kept: Mapping[str, Ref[Model] | None]) -> Aliases:
        """Without previous and challenger where their versions are not kept."""
        whole = {alias for alias, version in self.versions.items() if kept.get(version)}
        return dataclasses.replace(
            self,
            previous=self.previous if "previous" in whole else None,
            challenger=self.challenger if "challenger" in whole else None,
        )

    def to_json(self) -> bytes:
        """The content of `aliases.json`."""
        return canonical_json(dataclasses.asdict(self))


def first_aliases(ref: Ref[Model], order: Order) -> Aliases:
    """Those of a pipeline whose first model was trained."""
    return Aliases(ref, None, (), None, (_move("champion", ref, None, order),))


def _move(alias: Alias, ref: Ref[Model], before: Ref[Model] | None, order: Order) -> Move:
    was = _version(before) if before else ""
    return Move(alias, _version(ref), was, order.at, order.by, order.why)


def _version(ref: Ref[Model]) -> str:
    return ref.sha256[:12]


def aliases_uri(pipeline: str) -> str:
    """Where a pipeline's aliases lie."""
    return f"models/{pipeline}/aliases.json"


def find_aliases(store: Store, record: Commit | None) -> Aliases | None:
    """The aliases that a commit published; None where nothing was registered yet.

    Raises:
        IntegrityError: the aliases were changed since.
    """
    ref = record.find(Model, aliases_uri(record.pipeline)) if record else None
    if ref is None:
        return None
    content = store.read_bytes(ref)
    try:
        return TypeAdapter(Aliases).validate_python(json.loads(content))
    except (ValidationError, ValueError) as error:
        raise IntegrityError(
            "the aliases of a pipeline's models",
            found=f"{type(error).__name__}: {str(error)[:200]}",
            where=ref.uri,
            do="Train the pipeline again.",
        ) from error


def read_aliases(store: Store, pipeline: str) -> Aliases:
    """Which versions serve a pipeline now.

    Raises:
        ModelMissingError: nothing was trained yet.
        IntegrityError: the aliases were changed since they were committed.
    """
    aliases = find_aliases(store, last_commit(store, pipeline, BATCH))
    if aliases is None:
        raise _missing(store, pipeline)
    return aliases


def _missing(store: Store, pipeline: str) -> ModelMissingError:
    """That there is no model; and why, where a training found nothing to build one on."""
    tried = [record.batch for record in committed_batches(store, pipeline, UNSELECTED)]
    if not tried:
        return ModelMissingError(
            "a trained model",
            found="none was registered yet",
            where=f"models/{pipeline}",
            do=f"Train one first: lamplighter train {pipeline}",
        )
    date = tried[-1].removeprefix(UNSELECTED)
    return ModelMissingError(
        "a trained model",
        found=f"none: in the training by {date} no feature told labels better than chance",
        where=f"models/{pipeline}; the verdicts in incidents/{pipeline}/batch_date={date}",
        do="Add features or time to learn from, or accept a model of all candidates with "
        f"selection.if_none: all; then train again: lamplighter train {pipeline}",
    )
