"""Begin from the champion's weights, and keep what comes of it only if it wins."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core.artifacts import Model, Ref
from tasks.core.errors import ModelError, StoreError
from tasks.core.run import Run
from tasks.models.base import Conditions, Rows
from tasks.models.bundle import Facts, Member, open_bundle
from tasks.models.stopping import stop_metric
from tasks.train.config import TrainingConfig
from tasks.train.fit import Divided, fit_member


def in_order(
    run: Run, config: TrainingConfig, features: tuple[str, ...], champion: Ref[Model] | None
) -> tuple[str, ...]:
    """The features in the champion's order, where a training may begin from it and they are its.

    A selection names the strongest first, which differs from one training to the next; weights
    belong to columns by their place.
    """
    if not config.warm_start or champion is None:
        return features
    try:
        before = open_bundle(run.store, champion).facts.features
    except (ModelError, StoreError):
        return features
    return before if sorted(before) == sorted(features) else features


def warmer(
    run: Run,
    config: TrainingConfig,
    features: Sequence[str],
    champion: Ref[Model],
    divided: Divided,
    conditions: Conditions,
    cold: Member,
) -> tuple[Member, str]:
    """The model trained from the champion's weights, where it wins against one from fresh weights.

    It wins with a higher stop metric. Where the champion is of another configuration, of other
    features or classes, is damaged, or leads nowhere, the one from fresh weights stays; so it does
    where the champion was fitted on a row as late as the stop part, as one of a random split or of
    a longer window was: it has seen what is to judge. What a champion itself began from ended
    before its own stop part, and so before this one.

    Args:
        run: the training's run.
        config: how the model is calibrated.
        features: of the new model.
        champion: the model that serves.
        divided: the examples, split by time.
        conditions: the seed.
        cold: the model trained from fresh weights.

    Returns:
        The better of both, and why no training began from the champion; empty where one did.
    """
    try:
        bundle = open_bundle(run.store, champion)
        before = bundle.read("model")
        if before.config != cold.config:
            return cold, "the champion has other settings"
        if unlike := _unlike(bundle.facts, features, divided):
            return cold, unlike
        start = Conditions(conditions.seed, None, before.scorer.save())
        warm = fit_member(cold.config, divided, start, config)
    except (ModelError, StoreError) as error:
        return cold, error.found
    stop = divided.rows["stop"]
    return (warm if _reached(warm, stop) > _reached(cold, stop) else cold), ""


def _unlike(before: Facts, features: Sequence[str], divided: Divided) -> str:
    """Why a champion may not teach on these examples; empty where it may."""
    if before.features != tuple(features):
        changed = sorted({*before.features} ^ {*features})
        return f"the champion has other features: {', '.join(changed)} in one of both alone"
    if before.classes != divided.rows["fit"].target.classes:
        return "the champion tells other classes apart"
    judged_from = divided.first("stop")
    if judged_from is None or before.fitted_until >= str(judged_from):
        return (
            f"the champion was fitted on rows up to {before.fitted_until}, and those that decide "
            f"when to stop begin on {judged_from}"
        )
    return ""


def _reached(member: Member, stop: Rows) -> float:
    """The stop metric of a model; without labels the best that its training told."""
    if stop.target.kind != "none":
        return stop_metric(member.scorer, stop)
    return max((epoch.stop_metric for epoch in member.history.epochs), default=float("-inf"))
