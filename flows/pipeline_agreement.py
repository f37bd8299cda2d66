"""What the parts of a pipeline file ask of each other.

Each function takes the parts in question and raises ValueError, which pydantic tells with the
part's place in the file; those that return a part fill in what the others imply.
"""

from __future__ import annotations

from collections.abc import Sequence

from tasks.core.config import format_duration
from tasks.core.event import EventConfig
from tasks.features.config import FeaturesConfig
from tasks.features.unseen import early_readers
from tasks.labels.config import (
    Disposition,
    LabelClass,
    LabelConfig,
    LabelValue,
    NoLabel,
    OwnColumn,
)
from tasks.models.config import ModelConfig, RanksConfig, begins_warm, needs_labels, tells_classes
from tasks.models.privacy import reasons_against
from tasks.prepare.config import PrepareConfig
from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    DecisionConfig,
    ThresholdDecision,
    TriageDecision,
)
from tasks.select.config import SelectionConfig
from tasks.train.config import TrainingConfig
from tasks.train.tune_config import TuningConfig


def check_label(label: LabelConfig, event: EventConfig) -> None:
    """Hold that events do not depend on the label, and that verdicts name events."""
    if isinstance(label, OwnColumn) and label.column in event.columns_of_where:
        raise _early(label, [("event.where", f"reads the label's column {label.column!r}")])
    if not isinstance(label, Disposition):
        return
    if label.table == event.table:
        raise ValueError("verdicts in the table of the events are labels of kind column")
    if label.on and len(label.on) != len(event.key):
        raise ValueError(
            f"`on` has one column for each of event.key ({', '.join(event.key)}); "
            f"found {len(label.on)}"
        )


def check_preparation(prepare: PrepareConfig, label: LabelConfig) -> None:
    """Hold that no treatment reads the label's column."""
    if isinstance(label, OwnColumn):
        does = f"reads the label's column {label.column!r}"
        readers = [(f"prepare.{place}", does) for place in prepare.readers(label.column)]
        if readers:
            raise _early(label, readers)


def features_for(
    features: FeaturesConfig, label: LabelConfig, event: EventConfig
) -> FeaturesConfig:
    """The features with the label's delay, held to read no label before it."""
    column = label.column if isinstance(label, OwnColumn) else None
    if isinstance(label, NoLabel) and features.reads_labels:
        raise ValueError("features of past labels need a label")
    readers = list(early_readers(features, event.table, column, label.delay))
    if readers:
        raise _early(label, readers)
    return features.with_label_delay(label.delay)


def selection_for(chosen: SelectionConfig, label: LabelConfig) -> SelectionConfig:
    """The selection, which is none where nothing is labelled."""
    if not isinstance(label, NoLabel) or chosen.method == "none":
        return chosen
    if "method" in chosen.model_fields_set:
        raise ValueError(f"method {chosen.method} needs a label; without one it is none")
    return chosen.model_copy(update={"method": "none"})


def model_for(chosen: ModelConfig, label: LabelConfig) -> ModelConfig:
    """The model, held to learn what is labelled; ranks where nothing is and none was chosen."""
    if isinstance(label, LabelValue) and not tells_classes(chosen):
        raise ValueError(
            f"a model of kind {chosen.kind} predicts no values; take tabm, xgboost or another "
            "that learns from labels"
        )
    if isinstance(label, LabelClass) and not tells_classes(chosen):
        raise ValueError(
            f"a model of kind {chosen.kind} tells no classes apart; take tabm, xgboost or "
            "another that learns from labels, or label by {kind: column, negative: [...]}"
        )
    if not isinstance(label, NoLabel) or not needs_labels(chosen):
        return chosen
    if chosen.model_fields_set:
        raise ValueError(
            f"a model of kind {chosen.kind} needs a label; without one take ranks, isolation, "
            "neighbours, autoencoder or another of what is usual"
        )
    return RanksConfig()


def check_decision(chosen: DecisionConfig, label: LabelConfig) -> None:
    """Hold that a decision suits what is predicted: values, what is looked for, or nothing."""
    if isinstance(label, LabelValue):
        _check_decision_of_values(chosen)
        return
    unlabelled = isinstance(label, NoLabel)
    if unlabelled and isinstance(chosen, (ThresholdDecision, CostDecision, TriageDecision)):
        raise ValueError(
            f"{chosen.kind} decides by probabilities, which nothing tells without a label; "
            "take budget or fdr"
        )
    if isinstance(chosen, ThresholdDecision) and chosen.value is not None:
        raise ValueError("a threshold of a `value` needs a label of kind value")


def check_training(
    training: TrainingConfig, tuning: TuningConfig | None, model: ModelConfig, label: LabelConfig
) -> None:
    """Hold that the label and the model allow what training is asked for."""
    asked = {"training.folds": training.folds, "tuning": tuning}
    found = [key for key, value in asked.items() if value is not None]
    if isinstance(label, NoLabel) and found:
        raise ValueError(f"{' and '.join(found)} measure models, which needs a label")
    if training.warm_start and tuning:
        raise ValueError(
            "training.warm_start beside tuning: a search takes other settings, whose weights are "
            "of another shape than the champion's; take one of the two out"
        )
    if training.warm_start and not begins_warm(model):
        raise ValueError(f"training.warm_start: a model of kind {model.kind} begins from no other")
    told = training.model_fields_set & {"cards", "false_alarm_rates", "calibration"}
    if isinstance(label, LabelValue) and told:
        raise ValueError(
            f"training.{', training.'.join(sorted(told))}: of positives and negatives; a label "
            "of kind value has none"
        )
    if training.privacy is not None:
        _check_privacy((model, *(choice.model({}) for choice in (tuning.space if tuning else ()))))


def _check_privacy(models: Sequence[ModelConfig]) -> None:
    for model in models:
        for reason in reasons_against(model):
            raise ValueError(f"training.privacy cannot be kept by model.{reason}")


def _check_decision_of_values(chosen: DecisionConfig) -> None:
    fits = isinstance(chosen, BudgetDecision) or (
        isinstance(chosen, ThresholdDecision) and chosen.value is not None
    )
    if not fits:
        raise ValueError(
            f"{chosen.kind} decides by probabilities, which values have not; take budget, or "
            "threshold with a `value`"
        )
    if chosen.review is not None or chosen.missed is not None:
        raise ValueError("decision.review and missed are costs of positives; values have none")


def _early(label: LabelConfig, readers: Sequence[tuple[str, str]]) -> ValueError:
    found = "; ".join(f"{where} {does}" for where, does in readers)
    return ValueError(
        f"a night knows no label before its delay ({format_duration(label.delay)}) has passed, but "
        f"{found}. Take it out; past labels are told by the family `risk`"
    )
