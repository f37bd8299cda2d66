"""A pipeline: the stages' configurations assembled from one YAML file.

The only reader of the environment.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from expectations.marked_yaml import MarkedYaml
from flows.secrets import Secrets
from flows.yaml_file import build, read_yaml
from tasks.core.config import Config, format_duration
from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.core.keys import digest
from tasks.core.retention import RetentionConfig
from tasks.core.store import Store
from tasks.features import own
from tasks.features.config import FeaturesConfig
from tasks.features.unseen import early_readers
from tasks.ingest.config import SourceConfig
from tasks.labels.config import LabelColumn, LabelConfig, NoLabel
from tasks.models.config import ModelConfig, RanksConfig, TabMConfig, needs_labels
from tasks.monitor.config import MonitoringConfig
from tasks.prepare.config import PrepareConfig
from tasks.report.config import ReportConfig
from tasks.score.config import (
    BudgetDecision,
    CostDecision,
    DecisionConfig,
    ScoringConfig,
    ThresholdDecision,
)
from tasks.select.config import SelectionConfig
from tasks.train.config import TrainingConfig
from tasks.train.tune_config import TuningConfig
from tasks.validate.config import SuiteSource, ValidationConfig

SHIPPED = Path(__file__).parent / "pipelines"
_SHIPPED_SUITES = Path(__file__).parents[1] / "expectations" / "suites"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

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
    retention: RetentionConfig | None = Field(
        None, description="What each night takes away of old batch dates; empty: nothing"
    )
    monitoring: MonitoringConfig = Field(MonitoringConfig(), description="How nights are watched")

    @property
    def lookback(self) -> dt.timedelta:
        """History that a batch date needs before it: of its features, each row of it prepared."""
        return self.features.lookback + self.prepare.lookback

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
        if isinstance(label, LabelColumn) and event and label.column in event.columns_of_where:
            raise _early(label, [("event.where", f"reads the label's column {label.column!r}")])
        return label

    @field_validator("prepare")
    @classmethod
    def _is_not_told_the_label(cls, prepare: PrepareConfig, info: ValidationInfo) -> PrepareConfig:
        label: LabelConfig | None = info.data.get("label")
        if isinstance(label, LabelColumn):
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
        column = label.column if isinstance(label, LabelColumn) else None
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
        if unlabelled and isinstance(chosen, (ThresholdDecision, CostDecision)):
            raise ValueError(
                f"{chosen.kind} decides by probabilities, which nothing tells without a label; "
                "take budget or fdr"
            )
        return chosen

    @model_validator(mode="after")
    def _nothing_is_measured_without_labels(self) -> Self:
        asked = {"training.folds": self.training.folds, "tuning": self.tuning}
        found = [key for key, value in asked.items() if value is not None]
        if isinstance(self.label, NoLabel) and found:
            raise ValueError(f"{' and '.join(found)} measure models, which needs a label")
        return self

    @model_validator(mode="after")
    def _tables_are_declared(self) -> Self:
        named = {
            "event.table": (self.event.table,),
            "expectations": tuple(self.expectations),
            "features": (*self.features.tables, *self.features.histories),
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


def _early(label: LabelConfig, readers: Sequence[tuple[str, str]]) -> ValueError:
    found = "; ".join(f"{where} {does}" for where, does in readers)
    return ValueError(
        f"a night knows no label before its delay ({format_duration(label.delay)}) has passed, but "
        f"{found}. Take it out; past labels are told by the family `risk`"
    )


@dataclass(frozen=True)
class Pipeline:
    """A pipeline's configuration with what it needs from its surroundings.

    Args:
        config: the configuration.
        file: the YAML file it was read from.
        folder: what its relative paths are relative to.
        suites: suite file of each table that has one.
        secrets: value of each `${NAME}` the file mentions and the environment tells.
    """

    config: PipelineConfig
    file: MarkedYaml
    folder: Path
    suites: Mapping[str, SuiteSource]
    secrets: Mapping[str, SecretStr]

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.config.name

    @cached_property
    def store(self) -> Store:
        """The store its runs write to."""
        return Store(self.folder / self.config.store)

    @cached_property
    def digest(self) -> str:
        """Digest of the configuration, the suites and its own functions; of secrets the names."""
        return digest(
            {
                "config": self.config.model_dump(mode="json", by_alias=True, exclude={"retention"}),
                "suites": {table: suite.text for table, suite in self.suites.items()},
                "functions": {
                    name: own.digest(name, self.folder) for name in self.config.features.functions
                },
            }
        )

    def zone(self) -> ZoneInfo:
        """The timezone of its business dates."""
        return ZoneInfo(self.config.timezone)

    def columns(self, table: str) -> tuple[str, ...]:
        """The declared columns of a source."""
        return tuple(self.config.sources[table].columns)

    def missing_secrets(self) -> list[str]:
        """The variables the file mentions and the environment does not tell."""
        named = (name for _, name in _variables(self.file.content))
        return [name for name in dict.fromkeys(named) if name not in self.secrets]

    def check_secrets(self) -> None:
        """Hold that every variable the file mentions has a value.

        Raises:
            ConfigError: the first that has none, with its line.
        """
        for path, name in _variables(self.file.content):
            if name not in self.secrets:
                raise ConfigError(
                    f"a value for ${{{name}}}",
                    found="no environment variable of that name",
                    where=f"{self.file.where(*path)} ({'.'.join(map(str, path))})",
                    do=f"Set it: export {name}=…; or {name}_FILE to a file that holds it, or "
                    f"{name}_BLOCK to the name of a Secret block of Prefect.",
                )


def variable(name: str) -> str | None:
    """The value of an environment variable that is no pipeline's; None where it is not set."""
    return os.environ.get(name)


@contextmanager
def environment(defaults: Mapping[str, str]) -> Iterator[None]:
    """Give variables a value while the block runs, where the environment gives none."""
    given = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(given)
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)


def load(name: str) -> Pipeline:
    """Read a pipeline by its file's path, or by its name.

    Args:
        name: a path that ends in .yaml or .yml; or a name, looked for as `NAME.yaml` here, in
            `pipelines/`, in `lamplighter-demo/`, and among the shipped ones.

    Raises:
        ConfigError: there is no such file, or it does not fit its schema.
    """
    path = find(name)
    file = read_yaml(path)
    config = build(PipelineConfig, file)
    # A shipped file lies among the packages; what it calls `drops/` is where the user stands.
    folder = Path.cwd() if path.parent == SHIPPED else path.parent.absolute()
    suites = {
        table: _read_suite(file, folder, table, suite)
        for table, suite in config.expectations.items()
    }
    secrets = Secrets((name for _, name in _variables(file.content)), os.environ)
    return Pipeline(config, file, folder, suites, secrets)


def find(name: str) -> Path:
    """The file a pipeline's name or path stands for.

    Raises:
        ConfigError: there is none; the places that were looked at are named.
    """
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    places = [Path(), Path("pipelines"), Path("lamplighter-demo"), SHIPPED]
    candidates = [place / f"{name}.yaml" for place in places]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ConfigError(
        "a pipeline file",
        found=f"none called {name!r}",
        where=", ".join(str(candidate) for candidate in candidates),
        do="Give the path of your pipeline file, or make one from retail.yaml.",
    )


def _read_suite(file: MarkedYaml, folder: Path, table: str, suite: str) -> SuiteSource:
    candidates = [folder / suite, folder / "expectations" / suite, _SHIPPED_SUITES / suite]
    for candidate in candidates:
        if candidate.is_file():
            return SuiteSource(str(candidate), candidate.read_text(encoding="utf-8"))
    raise ConfigError(
        "a suite file",
        found="no such file: " + ", ".join(map(str, candidates)),
        where=f"{file.where('expectations', table)} (expectations.{table})",
        do="Mend the path, or leave the table out.",
    )


def _variables(
    content: Any, path: tuple[str | int, ...] = ()
) -> list[tuple[tuple[str | int, ...], str]]:
    if isinstance(content, str):
        return [(path, name) for name in _VARIABLE.findall(content)]
    children = (
        content.items()
        if isinstance(content, Mapping)
        else enumerate(content)
        if isinstance(content, (list, tuple))
        else ()
    )
    return [found for key, child in children for found in _variables(child, (*path, key))]
