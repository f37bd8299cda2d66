"""What a person may override for one run, in the form that the UI draws of these models.

The form itself refuses what lies beyond the limits. An override is part of the run's
configuration digest: its tables say that they were made by another configuration. Where it is
computed is not: the tables are the same.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from pydantic import Field

from flows.compute_config import ComputeConfig
from flows.pipeline import Pipeline
from tasks.core.config import Config
from tasks.core.errors import ConfigError
from tasks.score.config import BudgetDecision, TriageDecision

COMPUTE = Field(None, description="Where partitions are computed, in place of compute")


class NightOptions(Config):
    """Overrides for one night; what is empty is as the pipeline file says."""

    alerts: int | None = Field(
        None, ge=1, le=100_000, description="Alerts at most, in place of decision.per_day"
    )

    as_of: bool = Field(
        False, description="Score with the champion that the date had, in place of today's"
    )

    ask_again: bool = Field(
        False, description="Ask models as well that were too slow when the date was run before"
    )

    in_range: bool = Field(
        False, description="Leave the page over all nights and drift's notices to the range's end"
    )

    compute: ComputeConfig | None = COMPUTE

    def applied(self, pipeline: Pipeline) -> Pipeline:
        """The pipeline with the overrides in its configuration.

        Raises:
            ConfigError: alerts are given and the pipeline decides by no budget, of a triage or not.
        """
        pipeline = _computed(pipeline, self.compute)
        if self.alerts is None:
            return pipeline
        config = pipeline.config
        if not isinstance(config.decision, (BudgetDecision, TriageDecision)):
            raise ConfigError(
                "a pipeline whose decision is a budget or a triage, to override its alerts",
                found=f"decision: {config.decision.kind}",
                where=f"{pipeline.file.path}, the run's option alerts",
                do="Leave the option empty.",
            )
        decision = config.decision.model_copy(update={"per_day": self.alerts})
        return replace(pipeline, config=config.model_copy(update={"decision": decision}))


class TrainingOptions(Config):
    """Overrides for one training; what is empty is as the pipeline file says."""

    window_days: int | None = Field(
        None, ge=2, le=3_650, description="Days of examples, in place of training.window"
    )
    seed: int | None = Field(
        None, ge=0, le=2**31 - 1, description="Seed, in place of training.seed"
    )
    compute: ComputeConfig | None = COMPUTE

    def applied(self, pipeline: Pipeline) -> Pipeline:
        """The pipeline with the overrides in its configuration."""
        pipeline = _computed(pipeline, self.compute)
        given: dict[str, object] = {}
        if self.window_days is not None:
            given["window"] = dt.timedelta(days=self.window_days)
        if self.seed is not None:
            given["seed"] = self.seed
        if not given:
            return pipeline
        training = pipeline.config.training.model_copy(update=given)
        return replace(pipeline, config=pipeline.config.model_copy(update={"training": training}))


def _computed(pipeline: Pipeline, compute: ComputeConfig | None) -> Pipeline:
    if compute is None:
        return pipeline
    return replace(pipeline, config=pipeline.config.model_copy(update={"compute": compute}))
