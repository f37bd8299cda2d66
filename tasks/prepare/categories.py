"""Categories too rare to learn from, grouped as one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import polars as pl

from tasks.core.treatments import Grouping
from tasks.prepare.columns import Effect, Held, Kind, Schema, choose
from tasks.prepare.config import CategoriesConfig
from tasks.prepare.rules import Rare
from tasks.prepare.statistics import Learner, Values


def groupings(schema: Schema, config: CategoriesConfig, held: Held) -> Iterator[Learner]:
    """What to learn for the columns with a rule."""
    by_type: Mapping[Kind, Rare | None] = {"text": config.text}
    for column, rule in choose(
        schema, by_type, config.columns, held, "prepare.categories", lambda rule: rule is not None
    ):
        if rule is not None:
            yield _learner(column, rule)


def group(treatment: Grouping) -> Effect:
    """Keep the common categories; a missing one stays missing."""
    text = pl.col(treatment.column).cast(pl.String)
    rare = ~text.is_in(list(treatment.kept)) & text.is_not_null()
    grouped = pl.when(rare).then(pl.lit(treatment.other)).otherwise(text)
    return Effect((grouped.alias(treatment.column),), rare)


def _learner(column: str, rule: Rare) -> Learner:
    text = pl.col(column).cast(pl.String)

    def treatment(found: Values) -> Grouping:
        least = max(rule.count, math.ceil(rule.share * found["known"]), 1)
        counted = [(each["value"], each["count"]) for each in found["counts"]]
        # Ties go by name, whatever the order of the rows.
        common = sorted(counted, key=lambda each: (-each[1], each[0]))
        kept = [value for value, count in common if count >= least and value != rule.other]
        return Grouping(column, tuple(kept[: rule.most]), rule.other)

    counts = text.drop_nulls().alias("value").value_counts().implode()
    return Learner(column, {"known": text.count(), "counts": counts}, treatment)
