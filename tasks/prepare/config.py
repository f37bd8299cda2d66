"""What the preparation of a pipeline does, by type of column and column by column."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from tasks.core.config import Config, Duration, whole_days
from tasks.prepare.rules import (
    Ahead,
    Forward,
    IsolationRule,
    KeepMissing,
    Missing,
    NoRule,
    Outliers,
    Rare,
    Scales,
    Type,
)

_WEEK = dt.timedelta(days=7)
_KEEP = KeepMissing()
_NO = NoRule()


class DuplicatesConfig(Config):
    """Rows that repeat another row."""

    columns: tuple[str, ...] | None = Field(
        None, description="Columns that make two rows the same; empty means all of them"
    )
    exclude: tuple[str, ...] = Field(
        (), description="Columns that may differ, where `columns` is empty"
    )
    keep: Literal["first", "last"] = Field(
        "first",
        description="Which row of a batch date stays, by event time and key. `last` lets a later "
        "row of the date decide, and so needs `known_ahead`. A row of an earlier date always "
        "stays, for it was scored before the later one came",
    )
    known_ahead: bool = Field(
        False,
        description="Say `true` where all repetitions of a batch date are known before its first "
        "event: corrections that come with the file. Otherwise `keep: last` would tell of the "
        "future",
    )

    @model_validator(mode="after")
    def _one_way(self) -> DuplicatesConfig:
        if self.columns is not None and self.exclude:
            raise ValueError("give `columns` or `exclude`, not both")
        if self.keep == "last" and not self.known_ahead:
            raise ValueError(
                "`keep: last` drops a row for one that came later, which an event between the two "
                "may not know of: use `keep: first`, or state `known_ahead: true` where the "
                "repetitions of a batch date are known before its first event"
            )
        return self


class OutliersConfig(Config):
    """Which values are outliers, and what becomes of them."""

    numeric: Outliers = Field(_NO, description="For numeric columns without a rule of their own")
    columns: dict[str, Outliers] = Field({}, description="Rules by column")
    together: tuple[IsolationRule, ...] = Field(
        (), description="Isolation forests, each over several columns"
    )

    @model_validator(mode="after")
    def _one_name_a_forest(self) -> OutliersConfig:
        names = [rule.name for rule in self.together]
        if len(set(names)) < len(names):
            raise ValueError(f"each forest needs a `name` of its own; found {names}")
        return self


class CategoriesConfig(Config):
    """Which categories are rare."""

    text: Rare | None = Field(None, description="For text columns without a rule of their own")
    columns: dict[str, Rare | None] = Field({}, description="Rules by text column; null for none")


class MissingConfig(Config):
    """How missing values are filled. Keys, times and entities are never filled."""

    numeric: Missing = Field(_KEEP, description="For numeric columns without a rule of their own")
    text: Missing = Field(_KEEP, description="For text columns without a rule of their own")
    boolean: Missing = Field(_KEEP, description="For booleans without a rule of their own")
    date: Missing = Field(_KEEP, description="For dates and times without a rule of their own")
    columns: dict[str, Missing] = Field({}, description="Rules by column")


class ScalingConfig(Config):
    """Which columns get a scaled one beside them."""

    numeric: Scales = Field(_NO, description="For numeric columns without a rule of their own")
    columns: dict[str, Scales] = Field({}, description="Rules by column")


class PrepareConfig(Config):
    """The preparation of one event table: the steps run in the order they stand here."""

    duplicates: DuplicatesConfig | None = Field(
        None, description="Which repeated rows are dropped; rows that repeat a key always are"
    )
    repeats_within: Duration | None = Field(
        None,
        description="How many dates back a repeated row is looked for; empty: 7d, and no further "
        "than the features look back",
    )
    types: dict[str, Type] = Field({}, description="Columns that are read as another type")
    outliers: OutliersConfig = Field(OutliersConfig(), description="What is far out")
    categories: CategoriesConfig = Field(CategoriesConfig(), description="What is rare")
    missing: MissingConfig = Field(MissingConfig(), description="How missing values are filled")
    scaling: ScalingConfig = Field(ScalingConfig(), description="Scaled copies of columns")

    def readers(self, column: str) -> Iterator[str]:
        """The rules that read or treat a column, by their place in the pipeline file."""
        by_column: Mapping[str, Mapping[str, object]] = {
            "types": self.types,
            "outliers.columns": self.outliers.columns,
            "categories.columns": self.categories.columns,
            "missing.columns": self.missing.columns,
            "scaling.columns": self.scaling.columns,
        }
        yield from (f"{step}.{column}" for step, rules in by_column.items() if column in rules)
        for rule in self.outliers.together:
            if column in rule.columns:
                yield f"outliers.together, {rule.name}"
        by_type = {kind: getattr(self.missing, kind) for kind in ("numeric", "text", "boolean")}
        columns = {f"columns.{name}": rule for name, rule in self.missing.columns.items()}
        for place, rule in (by_type | {"date": self.missing.date} | columns).items():
            read = (*getattr(rule, "inputs", ()), *getattr(rule, "by", ()))
            if column in read:
                yield f"missing.{place}"

    def with_lookback(self, lookback: dt.timedelta) -> Self:
        """The preparation with its own reach named, where features look so far back."""
        if self.repeats_within is not None:
            return self
        return self.model_copy(update={"repeats_within": min(_WEEK, whole_days(lookback))})

    @property
    def reach_of_keys(self) -> dt.timedelta:
        """How far back a repeated row is looked for, in whole days."""
        return whole_days(_WEEK if self.repeats_within is None else self.repeats_within)

    @property
    def lookback(self) -> dt.timedelta:
        """History that a batch date is prepared from: fills, and the repetitions of what fills."""
        return self.reach_of_fills + self.reach_of_keys

    @property
    def reach_of_fills(self) -> dt.timedelta:
        """How far before a row those lie that it can be filled from, in whole days."""
        by_type = self.missing.numeric, self.missing.text, self.missing.boolean, self.missing.date
        rules = (*by_type, *self.missing.columns.values())
        spans = [rule.lookback for rule in rules if isinstance(rule, (Forward, Ahead))]
        return whole_days(max(spans, default=dt.timedelta(0)))
