"""What a pipeline file may say."""

from __future__ import annotations

import datetime as dt
from typing import Self
from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from pydantic import Field, ValidationInfo, field_validator, model_validator

from flows import pipeline_agreement as agreement
from flows.calendar import CalendarConfig
from flows.compute_config import ComputeConfig, LocalCompute
from tasks.core.config import Config, whole_days
from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.core.retention import RetentionConfig
from tasks.features.config import FeaturesConfig
from tasks.ingest.config import SourceConfig
from tasks.labels.config import Disposition, LabelConfig, NoLabel
from tasks.models.config import ModelConfig, TabMConfig
from tasks.monitor.config import MonitoringConfig
from tasks.prepare.config import PrepareConfig
from tasks.report.config import ReportConfig
from tasks.score.config import BudgetDecision, DecisionConfig, ScoringConfig
from tasks.select.config import SelectionConfig
from tasks.train.config import TrainingConfig
from tasks.train.tune_config import TuningConfig
from tasks.validate.config import ValidationConfig


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
    def _suits_the_events(cls, label: LabelConfig, info: ValidationInfo) -> LabelConfig:
        event: EventConfig | None = info.data.get("event")
        if event is not None:
            agreement.check_label(label, event)
        return label

    @field_validator("prepare")
    @classmethod
    def _is_not_told_the_label(cls, prepare: PrepareConfig, info: ValidationInfo) -> PrepareConfig:
        label: LabelConfig | None = info.data.get("label")
        if label is not None:
            agreement.check_preparation(prepare, label)
        return prepare

    @field_validator("features")
    @classmethod
    def _know_the_label(cls, features: FeaturesConfig, info: ValidationInfo) -> FeaturesConfig:
        label: LabelConfig | None = info.data.get("label")
        event: EventConfig | None = info.data.get("event")
        if label is None or event is None:
            return features
        return agreement.features_for(features, label, event)

    @field_validator("selection")
    @classmethod
    def _selects_by_labels(cls, chosen: SelectionConfig, info: ValidationInfo) -> SelectionConfig:
        label: LabelConfig | None = info.data.get("label")
        return chosen if label is None else agreement.selection_for(chosen, label)

    @field_validator("model")
    @classmethod
    def _learns_from_labels(cls, chosen: ModelConfig, info: ValidationInfo) -> ModelConfig:
        label: LabelConfig | None = info.data.get("label")
        return chosen if label is None else agreement.model_for(chosen, label)

    @field_validator("decision")
    @classmethod
    def _decides_by_labels(cls, chosen: DecisionConfig, info: ValidationInfo) -> DecisionConfig:
        label: LabelConfig | None = info.data.get("label")
        if label is not None:
            agreement.check_decision(chosen, label)
        return chosen

    @model_validator(mode="after")
    def _trains_on_what_it_has(self) -> Self:
        agreement.check_training(self.training, self.tuning, self.model, self.label)
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
