"""What an event is: the rows that are scored, their key, their time, their entities."""

from __future__ import annotations

import polars as pl
from pydantic import Field, field_validator

from tasks.core.config import Config
from tasks.core.sql import RowExpression

EVENT_ID = "event_id"
EVENT_TIME = "event_time"
RESERVED = frozenset(
    {
        EVENT_ID,
        EVENT_TIME,
        "score",
        "probability",
        "p_value",
        "q_value",
        "decision",
        "rank",
        "reasons",
        "score_source",
        "model_version",
        "run_id",
        "batch_date",
        "label",
        "label_class",
        "predicted",
        "interval_low",
        "interval_high",
        "interval_level",
        "part",
        "alert_id",
        "decision_rule",
        "decision_threshold",
        "fallback_score",
        "challenger_score",
        "challenger_version",
        "expected_loss",
        "queue",
        "propensity",
        "reasons_text",
        "severity",
    }
)


class EventConfig(Config):
    """The table of events and how one of them is told from another."""

    table: str = Field(description="The source whose rows are events")
    key: tuple[str, ...] = Field(min_length=1, description="Columns that together name one event")
    time: str | None = Field(
        None, description="Column with the time of the event; empty where the data have none"
    )
    where: RowExpression | None = Field(
        None,
        description="SQL condition for the rows that are scored; the others still feed features",
    )
    entities: tuple[str, ...] = Field((), description="Columns that name who or what takes part")

    @field_validator("key", "entities")
    @classmethod
    def _no_reserved_name(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        taken = sorted(set(columns) & RESERVED)
        if taken:
            raise ValueError(f"the output tables have columns of these names already: {taken}")
        return columns

    def id(self) -> pl.Expr:
        """The key as one string: its parts in order, joined by `|`."""
        parts = [pl.col(column).cast(pl.String).fill_null("") for column in self.key]
        return pl.concat_str(parts, separator="|").alias(EVENT_ID)

    def is_event(self) -> pl.Expr:
        """Whether a row is scored; a condition that is null counts as no."""
        if self.where is None:
            return pl.lit(True)
        return pl.sql_expr(self.where).fill_null(False)

    @property
    def columns_of_where(self) -> frozenset[str]:
        """The columns that decide which rows are events."""
        return frozenset(pl.sql_expr(self.where).meta.root_names() if self.where else ())
