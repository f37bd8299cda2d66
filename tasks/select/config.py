"""How features are selected."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from tasks.core.config import Config


class TreesConfig(Config):
    """The boosted trees whose gains are compared."""

    trees: int = Field(40, ge=1, description="Trees of one fit")
    depth: int = Field(3, ge=1, le=12, description="Depth of a tree")
    learning_rate: float = Field(0.1, gt=0, le=1, description="Shrinkage of a tree")
    max_bin: int = Field(64, ge=2, description="Bins of a feature; of matrix and trees alike")
    row_share: float = Field(0.7, gt=0, le=1, description="Share of rows a tree sees")
    feature_share: float = Field(
        0.1,
        gt=0,
        le=1,
        description="Share of features a node sees: few, so that correlated ones show",
    )
    threads: int = Field(
        1, ge=1, description="Threads; two on a busy machine can be slower than one"
    )


class BudgetConfig(Config):
    """What the model may cost, whatever the test says."""

    max_features: int | None = Field(None, ge=1, description="Keep no more than the strongest")
    max_cost_ms: float | None = Field(
        None, gt=0, description="Milliseconds that computing the features of a night may take"
    )
    costs: dict[str, float] = Field(
        {},
        description="Milliseconds a feature takes, by name or pattern (`CustomerID.*`); the first "
        "that fits counts, none means 0",
    )

    @model_validator(mode="after")
    def _consistent(self) -> BudgetConfig:
        if (self.max_cost_ms is None) != (not self.costs):
            raise ValueError("`max_cost_ms` and `costs` go together")
        if any(cost < 0 for cost in self.costs.values()):
            raise ValueError("a cost is not negative")
        return self


class SelectionConfig(BudgetConfig):
    """Which test a feature has to pass, and what is forced."""

    method: Literal["null_importance", "shadow", "permutation", "forward", "l1", "none"] = Field(
        "null_importance",
        description="Gain against shuffled labels; gain against shuffled features; loss on "
        "held-out time against shuffled labels; one after the other by loss on held-out time; "
        "a sparse linear model; none: every feature that varies, untested",
    )
    rounds: int = Field(20, ge=10, description="Rounds of shuffling")
    alpha: float = Field(
        0.01, gt=0, lt=0.5, description="Chance that a problem of pure noise selects anything"
    )
    fdr: float = Field(
        0.05, gt=0, lt=0.5, description="Expected share of noise among what is selected, at most"
    )
    seed: int = Field(0, ge=0, description="Seed of every shuffle, sample and fit")
    max_rows: int = Field(30_000, ge=100, description="Rows above which a sample is drawn")
    max_negatives: int = Field(
        8, ge=1, description="Rows of the commoner class for each of the rarer, beyond 5,000 rows"
    )
    folds: int = Field(
        4, ge=2, description="Folds of the past on which candidates are measured out of sample"
    )
    min_stability: float = Field(
        0, ge=0, le=1, description="Share of the folds in which a feature has to beat its shadows"
    )
    correlated: float = Field(
        0.9, gt=0, le=1, description="Rank correlation from which features are one group"
    )
    of_a_group: Literal["all", "representative"] = Field(
        "all", description="Keep a group that passes whole, or its strongest feature alone"
    )
    keep: tuple[str, ...] = Field(
        (), description="Features, by name or pattern, that are kept whatever the test says"
    )
    drop: tuple[str, ...] = Field((), description="Features, by name or pattern, that are left out")
    if_none: Literal["stop", "all"] = Field(
        "stop",
        description="Where nothing beats chance: end the training, so that the champion goes on "
        "scoring, or fit on every candidate",
    )
    trees: TreesConfig = Field(TreesConfig(), description="The boosted trees")

    @model_validator(mode="after")
    def _one_wish_a_feature(self) -> SelectionConfig:
        both = sorted(set(self.keep) & set(self.drop))
        if both:
            raise ValueError(f"a feature is kept or dropped, not both: {both}")
        return self
