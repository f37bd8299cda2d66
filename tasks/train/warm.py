"""Begin from the champion's weights, and keep what comes of it only if it wins."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core.artifacts import Model, Ref
from tasks.core.errors import ModelError, StoreError
from tasks.core.run import Run
from tasks.models.base import Conditions, History
from tasks.models.bundle import Member, open_bundle
from tasks.train.config import TrainingConfig
from tasks.train.fit import Divided, fit_member


def warmer(
    run: Run,
    config: TrainingConfig,
    features: Sequence[str],
    champion: Ref[Model],
    divided: Divided,
    conditions: Conditions,
    cold: Member,
) -> Member:
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
    """
    try:
        bundle = open_bundle(run.store, champion)
        before = bundle.read("model")
        classes = divided.rows["fit"].target.classes
        same = (bundle.facts.features, bundle.facts.classes) == (tuple(features), classes)
        judged_from = divided.first("stop")
        unseen = judged_from and bundle.facts.fitted_until < str(judged_from)
        if before.config != cold.config or not same or not unseen:
            return cold
        start = Conditions(conditions.seed, None, before.scorer.save())
        warm = fit_member(cold.config, divided, start, config)
    except (ModelError, StoreError):
        return cold
    return warm if _reached(warm.history) > _reached(cold.history) else cold


def _reached(history: History) -> float:
    return max((epoch.stop_metric for epoch in history.epochs), default=float("-inf"))
