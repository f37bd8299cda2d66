"""What a pipeline file may say: the stages' configurations, and what they ask of each other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal, Self
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import Field, ValidationInfo, field_validator, model_validator

from flows.compute_config import ComputeConfig, LocalCompute
from tasks.core.config import Config, format_duration, whole_days
from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.core.retention import RetentionConfig
from tasks.features.config import FeaturesConfig
from tasks.features.unseen import early_readers
from tasks.ingest.config import SourceConfig
from tasks.labels.config import (
    Disposition,
    LabelClass,
    LabelConfig,
    LabelValue,
    NoLabel,
    OwnColumn,
)
from tasks.models.config import (
    ModelConfig,
    RanksConfig,
    TabMConfig,
    begins_warm,
    needs_labels,
    tells_classes,
)
from tasks.models.privacy import reasons_against
from tasks.monitor.config import MonitoringConfig
from tasks.prepare.config import PrepareConfig
from tasks.report.config import ReportConfig
from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    DecisionConfig,
    ScoringConfig,
    ThresholdDecision,
    TriageDecision,
)
from tasks.select.config import SelectionConfig
from tasks.train.config import TrainingConfig
from tasks.train.tune_config import TuningConfig
from tasks.validate.config import ValidationConfig

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = (
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
)


class CalendarConfig(Config):
    """The days on which nothing arrives, so that nothing is missing then."""

    closed_weekdays: tuple[Weekday, ...] = Field((), description="Weekdays without data")
    closed_dates: tuple[dt.date, ...] = Field((), description="Single dates without data")

    def is_open(self, day: dt.date) -> bool:
        """Whether data are due for a date."""
        return day not in self.closed_dates and (
            WEEKDAYS[day.weekday()] not in self.closed_weekdays
        )

    def open_days(self, first: dt.date, last: dt.date) -> tuple[dt.date, ...]:
        """The dates from first to last, both included, for which data are due."""
        span = (first + dt.timedelta(days=i) for i in range((last - first).days + 1))
        return tuple(filter(self.is_open, span))


class PipelineConfig(Config):
    """One nightly pipeline, from its sources to its reports."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="Names it in the store")
    timezone: str = Field("UTC", description="Where a business date begins and ends")
    schedule: str = Field("30 3 * * *", description="Cron expression of the nightly run")
    store: str = Field("./lamplighter-store", description="Folder that keeps everything")
    calendar: CalendarConfig = Field(CalendarConfig(), description="Days without data")
    sources: dict[str, SourceConfig] = Field(min_length=1, description="Where the tables come from")
    expectations: dict[str, str] = Field({}, description="Suite file of each table")
    validation: ValidationConfig = Field(ValidationConfig(), description="When the gate closes")
    event: EventConfig = Field(description="The rows that are scored")
    label: LabelConfig = Field(NoLabel(), description="What is to be predicted; empty: nothing")
    prepare: PrepareConfig = Field(PrepareConfig(), description="Duplicates, gaps, outliers")
    features: FeaturesConfig = Field(description="Families of features")
    selection: SelectionConfig = Field(SelectionConfig(), description="How features are chosen")
    model: ModelConfig = Field(TabMConfig(), description="The deep model")
    training: TrainingConfig = Field(TrainingConfig(), description="What it is trained on")
    tuning: TuningConfig | None = Field(
        None, description="How its settings are searched for; empty: they are as under model"
    )
    decision: DecisionConfig = Field(
        BudgetDecision(per_day=100), description="Which events become alerts"
    )
    scoring: ScoringConfig = Field(ScoringConfig(), description="When a model's scores are taken")
    report: ReportConfig = Field(ReportConfig(), description="How a night is told to people")
    compute: ComputeConfig = Field(
        LocalCompute(), description="Where partitions are computed; tables are the same"
    )
    retention: RetentionConfig | None = Field(
        None, description="What each night takes away of old batch dates; empty: nothing"
    )
    monitoring: MonitoringConfig = Field(MonitoringConfig(), description="How nights are watched")

    @property
    def lookback(self) -> dt.timedelta:
        """History that a batch date needs before it: of its features, each row of it prepared."""
        return whole_days(self.features.lookback) + self.preparation.lookback

    @property
    def preparation(self) -> PrepareConfig:
        """What `prepare` says, with its reach as the features need it."""
        return self.prepare.with_lookback(self.features.lookback)

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("a timezone of the IANA database is required, Europe/London say")
        return name

    @field_validator("schedule")
    @classmethod
    def _is_cron(cls, text: str) -> str:
        try:
            CronSim(text, dt.datetime(2000, 1, 1, tzinfo=dt.UTC))
        except CronSimError as error:
            raise ValueError(f"a cron expression of five fields is required ({error})") from error
        return text

    @field_validator("store")
    @classmethod
    def _is_folder(cls, text: str) -> str:
        if "://" in text:
            raise ValueError("a folder is required: object stores are not supported yet")
        return text

    @field_validator("label")
    @classmethod
    def _events_do_not_depend_on_it(cls, label: LabelConfig, info: ValidationInfo) -> LabelConfig:
        event: EventConfig | None = info.data.get("event")
        if isinstance(label, OwnColumn) and event and label.column in event.columns_of_where:
            raise _early(label, [("event.where", f"reads the label's column {label.column!r}")])
        return label

    @field_validator("label")
    @classmethod
    def _verdicts_name_events(cls, label: LabelConfig, info: ValidationInfo) -> LabelConfig:
        event: EventConfig | None = info.data.get("event")
        if not isinstance(label, Disposition) or event is None:
            return label
        if label.table == event.table:
            raise ValueError("verdicts in the table of the events are labels of kind column")
        if label.on and len(label.on) != len(event.key):
            raise ValueError(
                f"`on` has one column for each of event.key ({', '.join(event.key)}); "
                f"found {len(label.on)}"
            )
        return label

    @field_validator("prepare")
    @classmethod
    def _is_not_told_the_label(cls, prepare: PrepareConfig, info: ValidationInfo) -> PrepareConfig:
        label: LabelConfig | None = info.data.get("label")
        if isinstance(label, OwnColumn):
            does = f"reads the label's column {label.column!r}"
            readers = [(f"prepare.{place}", does) for place in prepare.readers(label.column)]
            if readers:
                raise _early(label, readers)
        return prepare

    @field_validator("features")
    @classmethod
    def _know_the_label(cls, features: FeaturesConfig, info: ValidationInfo) -> FeaturesConfig:
        label: LabelConfig | None = info.data.get("label")
        event: EventConfig | None = info.data.get("event")
        if label is None or event is None:
            return features
        column = label.column if isinstance(label, OwnColumn) else None
        if isinstance(label, NoLabel) and features.reads_labels:
            raise ValueError("features of past labels need a label")
        readers = list(early_readers(features, event.table, column, label.delay))
        if readers:
            raise _early(label, readers)
        return features.with_label_delay(label.delay)

    @field_validator("selection")
    @classmethod
    def _select_by_labels(cls, chosen: SelectionConfig, info: ValidationInfo) -> SelectionConfig:
        if not isinstance(info.data.get("label"), NoLabel) or chosen.method == "none":
            return chosen
        if "method" in chosen.model_fields_set:
            raise ValueError(f"method {chosen.method} needs a label; without one it is none")
        return chosen.model_copy(update={"method": "none"})

    @field_validator("model")
    @classmethod
    def _learn_from_labels(cls, chosen: ModelConfig, info: ValidationInfo) -> ModelConfig:
        if isinstance(info.data.get("label"), LabelValue) and not tells_classes(chosen):
            raise ValueError(
                f"a model of kind {chosen.kind} predicts no values; take tabm, xgboost or another "
                "that learns from labels"
            )
        if isinstance(info.data.get("label"), LabelClass) and not tells_classes(chosen):
            raise ValueError(
                f"a model of kind {chosen.kind} tells no classes apart; take tabm, xgboost or "
                "another that learns from labels, or label by {kind: column, negative: [...]}"
            )
        if not isinstance(info.data.get("label"), NoLabel) or not needs_labels(chosen):
            return chosen
        if chosen.model_fields_set:
            raise ValueError(
                f"a model of kind {chosen.kind} needs a label; without one take ranks, isolation, "
                "neighbours, autoencoder or another of what is usual"
            )
        return RanksConfig()

    @field_validator("decision")
    @classmethod
    def _decide_by_labels(cls, chosen: DecisionConfig, info: ValidationInfo) -> DecisionConfig:
        unlabelled = isinstance(info.data.get("label"), NoLabel)
        if unlabelled and isinstance(chosen, (ThresholdDecision, CostDecision, TriageDecision)):
            raise ValueError(
                f"{chosen.kind} decides by probabilities, which nothing tells without a label; "
                "take budget or fdr"
            )
        _check_decision(chosen, isinstance(info.data.get("label"), LabelValue))
        return chosen

    @model_validator(mode="after")
    def _nothing_is_measured_without_labels(self) -> Self:
        asked = {"training.folds": self.training.folds, "tuning": self.tuning}
        found = [key for key, value in asked.items() if value is not None]
        if isinstance(self.label, NoLabel) and found:
            raise ValueError(f"{' and '.join(found)} measure models, which needs a label")
        return self

    @model_validator(mode="after")
    def _warm_starts_have_weights(self) -> Self:
        if self.training.warm_start and not self.tuning and not begins_warm(self.model):
            raise ValueError(
                f"training.warm_start: a model of kind {self.model.kind} begins from no other"
            )
        return self

    @model_validator(mode="after")
    def _values_are_measured_as_such(self) -> Self:
        if not isinstance(self.label, LabelValue):
            return self
        told = self.training.model_fields_set & {"cards", "false_alarm_rates", "calibration"}
        if told:
            raise ValueError(
                f"training.{', training.'.join(sorted(told))}: of positives and negatives; a label "
                "of kind value has none"
            )
        return self

    @model_validator(mode="after")
    def _can_keep_a_budget(self) -> Self:
        if self.training.privacy is None:
            return self
        tried = [choice.model({}) for choice in self.tuning.space] if self.tuning else []
        for model in (self.model, *tried):
            for reason in reasons_against(model):
                raise ValueError(f"training.privacy cannot be kept by model.{reason}")
        return self

    @model_validator(mode="after")
    def _tables_are_declared(self) -> Self:
        named = {
            "event.table": (self.event.table,),
            "expectations": tuple(self.expectations),
            "features": (*self.features.tables, *self.features.histories),
            "label": (self.label.table,) if isinstance(self.label, Disposition) else (),
        }
        for key, tables in named.items():
            for table in tables:
                if table not in self.sources:
                    raise ValueError(
                        f"{key} names the table {table!r}; the sources are {sorted(self.sources)}"
                    )
        return self

    @model_validator(mode="after")
    def _one_key_hashes_all(self) -> Self:
        keys = {source.personal.key for source in self.sources.values() if source.personal}
        if len(keys) > 1:
            raise ValueError(
                f"one key for the personal columns of all sources, or their rows do not meet; "
                f"found {', '.join(sorted(keys))}"
            )
        return self

    @model_validator(mode="after")
    def _names_are_no_bytes(self) -> Self:
        columns = self.sources[self.event.table].columns
        names = {*self.event.key, *self.event.entities} & set(columns)
        binary = sorted(name for name in names if columns[name].type == "binary")
        if binary:
            raise ValueError(
                f"event.key and event.entities are shown to people; {', '.join(binary)} of type "
                "binary cannot be: have the source give them as text, in hexadecimal say"
            )
        return self

    @model_validator(mode="after")
    def _features_fit_the_events(self) -> Self:
        try:
            self.features.check(self.event)
        except ConfigError as error:
            raise ValueError(f"{error.where}: {error.required} is required. {error.do}") from error
        return self


def _check_decision(chosen: DecisionConfig, is_value: bool) -> None:
    """Hold that a decision suits what is predicted: values, or what is looked for."""
    if not is_value:
        if isinstance(chosen, ThresholdDecision) and chosen.value is not None:
            raise ValueError("a threshold of a `value` needs a label of kind value")
        return
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
