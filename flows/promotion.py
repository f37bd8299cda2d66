"""Which model serves: what a training makes of its model, and moves by labels or by a person."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect import flow
from pydantic import Field

from flows import clock
from flows.beside import Rows, beside
from flows.flow_runs import run_name
from flows.pipeline import Pipeline, load
from flows.put_up import put_up_promotion
from tasks.core.artifacts import Examples, Labels, Model, Ref, Scores
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.config import Config
from tasks.core.errors import (
    ConfigError,
    FeaturesMissingError,
    IntegrityError,
    LamplighterError,
    ModelError,
    ModelMissingError,
)
from tasks.core.results import Shadow
from tasks.core.run import Run
from tasks.models.aliases import BATCH, Aliases, Order, aliases_uri, find_aliases
from tasks.models.bundle import open_bundle, version_of
from tasks.models.comparison import Comparison
from tasks.models.records import Trained
from tasks.monitor.task import compare_realised
from tasks.train.register import Standing, keep_bundle
from tasks.train.task import compare_trained

_WAIT_SECONDS = 60.0


class PromotionOptions(Config):
    """The form of a promotion."""

    version: str | None = Field(None, description="The version; empty means the challenger")
    by: str = Field("", max_length=200, description="Who approves; empty means the Prefect UI")
    why: str = Field("", max_length=500, description="Why, for the history")


ASKED = PromotionOptions()


@flow(name="promote", flow_run_name=run_name)
def promote(pipeline: str, options: PromotionOptions = ASKED) -> dict[str, str]:
    """Make a registered version the champion; it scores from the next night on.

    Args:
        pipeline: name or file of the pipeline.
        options: which version, who approves, and why.

    Returns:
        The version of each alias.
    """
    loaded = load(pipeline)
    order = Order(clock.now().isoformat(), options.by or "Prefect UI", options.why or "approved")
    moved = move(loaded, options.version, order)
    put_up_promotion(loaded, moved)
    return {str(k): v for k, v in moved.versions.items()}


def serving(run: Run, pipeline: Pipeline) -> Ref[Model] | None:
    """The champion of a pipeline; None before the first training."""
    aliases = _aliases(run, pipeline)
    return aliases.champion if aliases else None


@dataclass(frozen=True, slots=True)
class Incumbent:
    """The champion in a training that may replace it.

    Args:
        ref: its bundle.
        shadow: its scores of the events it was not fitted on; None where there are none.
        unfit: why it can score no such event any more, tonight's neither; empty where it can.
        failure: why it did not score this time; empty where it did, or had nothing to score.
    """

    ref: Ref[Model]
    shadow: Shadow | None = None
    unfit: str = ""
    failure: str = ""


def champion_beside(run: Run, pipeline: Pipeline, rows: Rows) -> Incumbent | None:
    """The champion's scores of a training's later events; None where no comparison is asked for."""
    before = _aliases(run, pipeline)
    if before is None or pipeline.config.training.promotion.rule != "better":
        return None
    champion = before.champion
    try:
        bundle = open_bundle(run.store, champion)
        bundle.preparation()
        bundle.read("model" if "model" in bundle.manifest.members else "fallback")
    except (ModelError, IntegrityError) as error:
        return Incumbent(champion, unfit=str(error))
    first = max(rows.dates[0], dt.date.fromisoformat(bundle.facts.unseen_from))
    if first > rows.dates[1]:
        return Incumbent(champion)
    judged = dataclasses.replace(rows, dates=(first, rows.dates[1]))
    try:
        return Incumbent(champion, beside(run, pipeline, champion, "champion", judged))
    except FeaturesMissingError as error:
        return Incumbent(champion, unfit=str(error))
    except (LamplighterError, RuntimeError, ValueError, OSError) as error:
        return Incumbent(champion, failure=str(error))


def standing(
    run: Run,
    pipeline: Pipeline,
    trained: Trained,
    examples: Ref[Examples],
    champion: Incumbent | None,
) -> Standing:
    """What a trained model becomes, by the pipeline's rule."""
    training = pipeline.config.training
    at, by = clock.now().isoformat(), f"training {trained.reference.run_id}"

    def becomes(serves: bool, why: str) -> Standing:
        return Standing(serves, Order(at, by, why))

    if training.promotion.rule != "better":
        rule = f"training.promotion.rule: {training.promotion.rule}"
        return becomes(training.promotion.rule == "always", rule)
    if champion is None:
        return becomes(True, "the first model")
    if champion.unfit:
        return becomes(True, f"the champion cannot score these events: {champion.unfit}")
    if champion.failure:
        return becomes(False, f"they could not be compared: {champion.failure}")
    if champion.shadow is None:
        return becomes(False, "no later rows than those that the champion was fitted on")
    unseen = dt.date.fromisoformat(open_bundle(run.store, champion.ref).facts.unseen_from)
    found = compare_trained(run, training, examples, trained, champion.shadow.table, unseen)
    return becomes(found.better, str(found))


def by_labels(
    run: Run,
    pipeline: Pipeline,
    nights: list[Ref[Scores]],
    labels: Ref[Labels],
    record: Mapping[str, Any],
) -> Comparison | None:
    """How the challenger and the champion ranked the nights that both scored, by known labels.

    None where there is no challenger, or where it has scored no night yet.
    """
    aliases = _aliases(run, pipeline)
    if aliases is None or aliases.challenger is None:
        return None
    versions = version_of(aliases.challenger), version_of(aliases.champion)
    training = pipeline.config.training
    rounds, seed = training.promotion.rounds, training.seed
    return compare_realised(run, nights, labels, versions, record, rounds, seed)


def promote_better(pipeline: Pipeline, found: Comparison | None) -> str:
    """Promote the challenger where known labels say so and the pipeline's rule lets them.

    Returns:
        What was found and done, in words; empty where there is nothing to compare.
    """
    if found is None:
        return ""
    told = f"challenger against champion in the nights so far: {found}"
    if not found.better:
        return told
    if pipeline.config.training.promotion.rule == "manual":
        return f"{told}; approve it: lamplighter models promote {pipeline.name}"
    move(pipeline, None, Order(clock.now().isoformat(), "monitor", told))
    return f"{told}; it is the champion now"


def move(pipeline: Pipeline, version: str | None, order: Order) -> Aliases:
    """Make a version the champion in one commit; everything else the registry holds stays.

    Args:
        pipeline: the pipeline.
        version: the beginning of its name is enough; None means the challenger.
        order: who asks, when and why.

    Raises:
        ModelMissingError: nothing was trained yet.
        ConfigError: there is no such version, or it serves already.
        IntegrityError: a file of it is damaged.
    """
    store, name = pipeline.store, pipeline.name
    with open_run(store, name, BATCH, clock.attempt_name(), _WAIT_SECONDS) as run:
        record = last_commit(store, name, BATCH)
        aliases = find_aliases(store, record)
        if record is None or aliases is None:
            raise ModelMissingError(
                "a trained model",
                found="none was registered yet",
                where=f"models/{name}",
                do=f"Train one first: lamplighter train {name}",
            )
        wanted = _wanted(pipeline, aliases, version)
        kept = {}
        for each in dict.fromkeys(
            ref.uri.split("/")[2] for ref in record.files if ref.uri.endswith("/model.json")
        ):
            kept[each] = keep_bundle(run, record, each)
        ref = kept.get(wanted)
        if ref is None:
            raise IntegrityError(
                f"version {wanted} whole",
                found="a file of it missing or changed",
                where=f"models/{name}/{wanted}",
                do="Restore it from a copy, or promote another version.",
            )
        for other in record.files:
            if not other.uri.startswith(f"models/{name}/"):
                run.keep(other)
        moved = aliases.crowned(ref, order).among(kept)
        run.write_bytes(Model, moved.to_json(), aliases_uri(name))
        commit(run, record.facts)
        return moved


def _wanted(pipeline: Pipeline, aliases: Aliases, version: str | None) -> str:
    if version is None:
        if aliases.challenger is None:
            raise ConfigError(
                "a challenger to promote",
                found="none",
                where=f"models/{pipeline.name}",
                do=f"Name a version: lamplighter models list {pipeline.name}",
            )
        return version_of(aliases.challenger)
    found = [entry.version for entry in aliases.history if entry.version.startswith(version)]
    if len(found) != 1 or found[0] == version_of(aliases.champion):
        raise ConfigError(
            "one registered version that is not the champion",
            found=f"{version!r}: {', '.join(found) or 'no such version'}",
            where=f"models/{pipeline.name}",
            do=f"Look at lamplighter models list {pipeline.name}",
        )
    return found[0]


def _aliases(run: Run, pipeline: Pipeline) -> Aliases | None:
    try:
        return find_aliases(run.store, last_commit(run.store, pipeline.name, BATCH))
    except IntegrityError:
        return None  # damaged aliases are written anew by the training
