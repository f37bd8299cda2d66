"""What the preparation of a pipeline does: duplicates, missing values, outliers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.core.config import Config


class Constant(Config):
    """Fill with a value from the pipeline file."""

    constant: float | str = Field(description="The value that stands for a missing one")


Fill = Literal["none", "mean", "median", "mode"] | Constant


class DuplicatesConfig(Config):
    """Rows that repeat an earlier row; the first by event time and key is kept."""

    columns: tuple[str, ...] | None = Field(
        None, description="Columns that make two rows the same; empty means all of them"
    )
    exclude: tuple[str, ...] = Field(
        (), description="Columns that may differ, where `columns` is empty"
    )

    @model_validator(mode="after")
    def _one_way(self) -> DuplicatesConfig:
        if self.columns is not None and self.exclude:
            raise ValueError("give `columns` or `exclude`, not both")
        return self


class MissingConfig(Config):
    """How missing values are filled. Keys, times and entities are never filled."""

    numeric: Fill = Field("none", description="For numeric columns without a rule of their own")
    text: Fill = Field("none", description="For text columns without a rule of their own")
    columns: dict[str, Fill] = Field({}, description="Rules by column")


class QuantileFence(Config):
    """Clip to two quantiles of training time."""

    method: Literal["quantile"] = Field("quantile", description="Clip to quantiles")
    columns: tuple[str, ...] = Field(min_length=1, description="Numeric columns to clip")
    low: float = Field(0.001, ge=0, le=1, description="Quantile below which values are clipped")
    high: float = Field(0.999, ge=0, le=1, description="Quantile above which values are clipped")

    @model_validator(mode="after")
    def _ordered(self) -> QuantileFence:
        if self.low >= self.high:
            raise ValueError(f"low is below high; found {self.low} and {self.high}")
        return self


class IqrFence(Config):
    """Clip to the quartiles of training time, widened by a multiple of their distance."""

    method: Literal["iqr"] = Field("iqr", description="Clip to the widened quartiles")
    columns: tuple[str, ...] = Field(min_length=1, description="Numeric columns to clip")
    widen: float = Field(1.5, gt=0, description="Multiples of the interquartile range")


Fence = Annotated[QuantileFence | IqrFence, Field(discriminator="method")]


class PrepareConfig(Config):
    """The preparation of one event table."""

    duplicates: DuplicatesConfig | None = Field(
        None, description="Which repeated rows are dropped; rows that repeat a key always are"
    )
    missing: MissingConfig = Field(MissingConfig(), description="How missing values are filled")
    outliers: tuple[Fence, ...] = Field((), description="Which columns are clipped, and where")

    @model_validator(mode="after")
    def _one_fence_a_column(self) -> PrepareConfig:
        columns = [column for fence in self.outliers for column in fence.columns]
        twice = sorted({column for column in columns if columns.count(column) > 1})
        if twice:
            raise ValueError(f"one outlier rule a column; found more for {twice}")
        return self
