"""A model, its fallback and all that is known of both, as the bundle that will score."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from tasks.core.keys import digest_bytes
from tasks.core.results import Selection
from tasks.core.treatments import Learned, Stored
from tasks.models.bundle import BASELINE, Facts, FittedModel, Member
from tasks.models.records import TrainingReference
from tasks.train.config import TimeSplit, TrainingConfig
from tasks.train.fit import Divided, Pair, baselines, judge, usual_ranges, with_evidence


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a model comes from.

    Args:
        pipeline: the pipeline.
        features: columns of the matrices, in order.
        selection: why it reads these features.
        learned: what preparation and features learned beside it.
        reference: what it was trained on.
    """

    pipeline: str
    features: tuple[str, ...]
    selection: Selection
    learned: Learned
    reference: TrainingReference


def assemble(pair: Pair, divided: Divided, config: TrainingConfig, origin: Origin) -> FittedModel:
    """Measure the models on the test part and put them together with all that they need.

    Args:
        pair: the models.
        divided: the rows they were fitted on, and those that judge them.
        config: what is measured.
        origin: where they come from.
    """
    features = origin.features
    metrics, curves = judge(pair.members, divided, config)
    usual = {BASELINE: baselines(divided, features, _roles(pair))}
    facts = Facts(
        pipeline=origin.pipeline,
        features=features,
        preparation=origin.learned.record,
        selection=origin.selection,
        reference=origin.reference,
        parts=divided.counts(),
        classes=divided.rows["fit"].target.classes,
        metrics=metrics,
        curves=curves,
        usual=usual_ranges(divided.rows["fit"].table, features),
        failure=pair.failure,
        baseline=Stored(BASELINE, digest_bytes(usual[BASELINE])),
        unseen_from=str(_unseen_from(config, divided, origin.reference)),
        fitted_until=str(divided.last(("fit", "stop", "calibrate"))),
    )
    model = with_evidence(pair.model, divided) if pair.model else None
    fallback = with_evidence(pair.fallback, divided)
    return FittedModel(facts, model, fallback, origin.learned.files, usual)


def _roles(pair: Pair) -> Mapping[str, Member]:
    return {"fallback": pair.fallback} | ({"model": pair.model} if pair.model else {})


def _unseen_from(config: TrainingConfig, divided: Divided, reference: TrainingReference) -> dt.date:
    """The first batch date of which a model sees rows in its test part only, or none at all."""
    after = dt.date.fromisoformat(reference.last_date) + dt.timedelta(days=1)
    first = divided.first("test")
    if not isinstance(config.split, TimeSplit) or first is None:
        return after
    return min(after, first + dt.timedelta(days=1))
