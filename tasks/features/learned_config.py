"""The families that learn from training time; what they learned travels in the model."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field

from tasks.core.config import Duration
from tasks.core.keys import digest
from tasks.features.family import NO_TIME, Columns, FamilyConfig


class LearnedFamily(FamilyConfig):
    """What the families that learn share."""

    @property
    def key(self) -> str:
        """Names what this family learned: another configuration would have learned otherwise."""
        return digest(self)


class OfFeatures(LearnedFamily):
    """A family that learns from the features of other families."""

    of: Columns = Field((), description="Features of other families; empty: all single ones")


class ComponentsFamily(OfFeatures):
    """Principal components of other features."""

    family: Literal["components"] = Field("components", description="Principal components")
    count: int = Field(2, ge=1, le=256, description="How many, the widest first")
    name: str = Field("component", description="What to call them")
    residual: bool = Field(
        False, description="Add how far a row is from what the components say of it"
    )


class ClustersFamily(OfFeatures):
    """The nearest of some centres, by k-means of other features."""

    family: Literal["clusters"] = Field("clusters", description="Clusters by k-means")
    count: int = Field(8, ge=2, le=256, description="How many centres")
    name: str = Field("cluster", description="What to call them")
    rows: int = Field(50_000, ge=1, description="Rows of training time that are clustered at most")
    seed: int = Field(0, ge=0, description="Seed of the first centres")


class QuantileBinsFamily(OfFeatures):
    """Between which quantiles of training time a feature lies."""

    family: Literal["quantile_bins"] = Field("quantile_bins", description="Bins by quantiles")
    bins: int = Field(10, ge=2, le=256, description="How many, each with as many training rows")


MatrixFamily = ComponentsFamily | ClustersFamily | QuantileBinsFamily


class TargetRateFamily(LearnedFamily):
    """The share of positives of a category, learned block by block from the time before it.

    A row of training time takes the rate of the blocks before its own, from labels known by then:
    cross-fitted forward in time. Later rows take what was known of training time by their date.
    """

    family: Literal["target_rate"] = Field("target_rate", description="Share of positives")
    columns: Columns = Field(min_length=1, description="Categorical columns")
    blocks: int = Field(5, ge=2, le=64, description="Parts of training time")
    smoothing: float = Field(20, ge=0, description="Rows of weight given to the share of all")
    most: int = Field(2_000, ge=1, description="Categories kept, the most frequent ones")
    delay: Duration | None = Field(
        None, description="Time until a row's label is known; empty: the label's delay"
    )

    @property
    def lookback(self) -> dt.timedelta:
        """At night it looks at the row alone."""
        return NO_TIME
