"""The rules a pipeline file can give a column, each named by its method."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tasks.core.config import Config, Duration
from tasks.core.treatments import Action

TypeName = Literal[
    "str", "bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "date",
    "datetime",
]  # fmt: skip


def _by_method(value: Any) -> Any:
    return {"method": value} if isinstance(value, str) else value


def _by_type(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Columns = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class NoRule(Config):
    """Leave the column as it is."""

    method: Literal["none"] = "none"


class TypeRule(Config):
    """Read a column as another type; what cannot be read becomes missing and is counted."""

    type: TypeName = Field(description="The type, named as in a source's schema")
    format: str = Field(
        "", description="How a date or datetime is written, in strftime's letters; empty: ISO 8601"
    )


class KeepMissing(Config):
    """Leave missing values as they are; the models read gaps."""

    method: Literal["none"] = "none"
    indicator: bool = Field(False, description="Add `<column>_missing`")


class DropMissing(Config):
    """Fit on no row that lacks a value; such rows are scored, and stay in the history."""

    method: Literal["drop"] = "drop"


class Constant(Config):
    """Fill with a value from the pipeline file."""

    method: Literal["constant"] = "constant"
    value: bool | int | float | str = Field(description="The value that stands for a missing one")
    indicator: bool = Field(False, description="Add `<column>_missing`")


class Average(Config):
    """Fill with the mean, the median or the most frequent value of training time."""

    method: Literal["mean", "median", "mode"]
    indicator: bool = Field(False, description="Add `<column>_missing`")


class Forward(Config):
    """Fill with the entity's last known value of strictly earlier time."""

    method: Literal["forward"] = "forward"
    by: Columns = Field(description="Columns that name the entity")
    within: Duration = Field(
        gt=dt.timedelta(0), description="How old the value may be; this much history is loaded"
    )
    indicator: bool = Field(False, description="Add `<column>_missing`")

    @property
    def lookback(self) -> dt.timedelta:
        """History that must be loaded before a row."""
        return self.within


class Ahead(Config):
    """Fill from the entity's next value of the same batch date, or on the line to it."""

    method: Literal["backward", "linear"]
    by: Columns = Field(description="Columns that name the entity")
    within: Duration = Field(gt=dt.timedelta(0), description="How far in time a value may lie")
    known_ahead: bool = Field(
        False,
        description="Say `true` where the values of a batch date are known before its first "
        "event: price lists, timetables, forecasts. Otherwise the fill would tell of the future",
    )
    indicator: bool = Field(False, description="Add `<column>_missing`")

    @property
    def lookback(self) -> dt.timedelta:
        """History that must be loaded before a row."""
        return self.within if self.method == "linear" else dt.timedelta(0)

    @model_validator(mode="after")
    def _no_leak(self) -> Ahead:
        if not self.known_ahead:
            raise ValueError(
                f"`{self.method}` fills from later rows, which an event may not know of: use "
                "`forward`, or state `known_ahead: true` where the column's values are known "
                "before their time"
            )
        return self


class Predicted(Config):
    """Fill with what an XGBoost model, fitted on training time, tells from other columns."""

    method: Literal["xgboost"] = "xgboost"
    inputs: Columns = Field(
        description="Numeric or boolean columns of the same row that the model sees; never the "
        "label's column"
    )
    rounds: int = Field(100, ge=1, description="Trees of each class")
    depth: int = Field(6, ge=1, le=16, description="Levels of a tree")
    learning_rate: float = Field(0.1, gt=0, le=1, description="Share of each tree that is added")
    max_rows: int = Field(200_000, ge=100, description="Training rows at most, evenly spaced")
    indicator: bool = Field(False, description="Add `<column>_missing`")


Missing = Annotated[
    KeepMissing | DropMissing | Constant | Average | Forward | Ahead | Predicted,
    Field(discriminator="method"),
    BeforeValidator(_by_method),
]
Type = Annotated[TypeRule, BeforeValidator(_by_type)]


class _FenceRule(Config):
    action: Action = Field(
        "clip",
        description="clip: set to the bound; mark: add `<column>_outlier`; drop: fit on no such "
        "row, though it is scored and stays in the history",
    )


class Iqr(_FenceRule):
    """The quartiles of training time, widened by a multiple of their distance."""

    method: Literal["iqr"] = "iqr"
    widen: float = Field(1.5, gt=0, description="Multiples of the interquartile range")


class ZScore(_FenceRule):
    """The mean of training time, give or take a number of standard deviations."""

    method: Literal["zscore"] = "zscore"
    deviations: float = Field(3.0, gt=0, description="Standard deviations")


class Mad(_FenceRule):
    """The median of training time, give or take a number of scaled median deviations.

    Source: Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers.
    """

    method: Literal["mad"] = "mad"
    deviations: float = Field(
        3.5, gt=0, description="Median absolute deviations, times 1.4826 as for a normal column"
    )


class Quantiles(_FenceRule):
    """Two quantiles of training time."""

    method: Literal["quantile"] = "quantile"
    low: float = Field(0.001, ge=0, le=1, description="Quantile below which values are outliers")
    high: float = Field(0.999, ge=0, le=1, description="Quantile above which values are outliers")

    @model_validator(mode="after")
    def _ordered(self) -> Quantiles:
        if self.low >= self.high:
            raise ValueError(f"low is below high; found {self.low} and {self.high}")
        return self


Bounds = Iqr | ZScore | Mad | Quantiles
Outliers = Annotated[
    NoRule | Iqr | ZScore | Mad | Quantiles,
    Field(discriminator="method"),
    BeforeValidator(_by_method),
]


class IsolationRule(Config):
    """Rows that random cuts through several columns soon set apart.

    Source: Liu, Ting & Zhou 2008, doi:10.1109/ICDM.2008.17.
    """

    name: str = Field("isolation", pattern=r"^\w+$", description="Names the mark: `<name>_outlier`")
    columns: Columns = Field(description="Numeric columns, looked at together")
    share: float = Field(
        0.01, gt=0, lt=0.5, description="Share of training rows that count as outliers"
    )
    trees: int = Field(100, ge=1, le=1000, description="Trees of the forest")
    sample: int = Field(256, ge=2, le=4096, description="Rows each tree is grown on")
    action: Literal["mark", "drop"] = Field("mark", description="What becomes of an outlier")


class Rare(Config):
    """Group what is rare: below a count or a share of training rows, or unseen in them."""

    count: int = Field(0, ge=0, description="Rows a category needs to stay")
    share: float = Field(0.0, ge=0, le=1, description="Share of known rows it needs to stay")
    most: int = Field(1000, ge=1, description="Categories that stay at most, the most frequent")
    other: str = Field("(rare)", description="What the others become")

    @model_validator(mode="after")
    def _says_what_is_rare(self) -> Rare:
        if not self.count and not self.share:
            raise ValueError("give `count` or `share`: below which a category is rare")
        return self


class Scale(Config):
    """Add `<column>_scaled`; the column itself stays as it is."""

    method: Literal["standard", "robust", "minmax", "quantile_normal"]
    quantiles: int = Field(
        1000, ge=10, le=10_000, description="Knots of quantile_normal; the others need none"
    )


Scales = Annotated[NoRule | Scale, Field(discriminator="method"), BeforeValidator(_by_method)]
