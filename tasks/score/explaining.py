"""Reasons for a night's alerts, batch by batch; scores that were given stand without them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from tasks.score.asking import Answer
from tasks.score.decide import ALERT
from tasks.score.intervals import unit_of
from tasks.score.ladder import BROKEN, in_short
from tasks.score.reasons import DTYPE, Reason, explain
from tasks.score.stream import as_matrix

REASONS = "reasons"
_ROW = "_row"


@dataclass(slots=True)
class Explaining:
    """Explains the alerts of one batch after the other, and counts those that stay unexplained.

    Args:
        answer: the model that scored.
        alerts: alerts of the night.
        limit: how many of them get reasons, those of the highest scores.
        last_rank: the rank of the last of these; 0 where there is none.
        failed: alerts that should have reasons and have none.
        failure: what broke the explanation last; empty where nothing did.
    """

    answer: Answer
    alerts: int
    limit: int
    last_rank: int
    failed: int = 0
    failure: str = ""

    @classmethod
    def of(cls, decided: pl.DataFrame, answer: Answer, limit: int) -> Explaining:
        """Begin with the decisions of a whole night."""
        ranks = decided.filter(pl.col("decision") == ALERT)["rank"].sort()
        explained = ranks.head(limit)
        return cls(answer, len(ranks), limit, explained[-1] if len(explained) else 0)

    def add(self, batch: pl.LazyFrame, decided: pl.DataFrame) -> pl.DataFrame:
        """Give the decisions of a batch their reasons, empty where there are none.

        Args:
            batch: the features of its rows.
            decided: the decisions of the same rows.
        """
        asked = (pl.col("decision") == ALERT) & (pl.col("rank") <= self.last_rank)
        numbered = decided.with_row_index(_ROW)
        alerts = numbered.filter(asked)
        reasons = self._reasons(batch, alerts) if alerts.height else []
        told = alerts.select(_ROW).with_columns(pl.Series(REASONS, reasons, DTYPE))
        joined = numbered.join(told, on=_ROW, how="left", maintain_order="left")
        return joined.with_columns(pl.col(REASONS).fill_null([])).drop(_ROW)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why alerts have no reasons, one sentence each."""
        found = []
        if self.failed:
            why = self.failure or "their contributions do not add up to the score"
            found.append(f"{self.failed} of {self.alerts} alerts have no reasons: {why}")
        if self.alerts > self.limit:
            found.append(
                f"{self.alerts - self.limit:,} of {self.alerts:,} alerts have no reasons: "
                f"scoring.reasons gives them to the {self.limit:,} of the highest scores"
            )
        return tuple(found)

    def _reasons(self, batch: pl.LazyFrame, alerts: pl.DataFrame) -> list[list[Reason]]:
        features, member = self.answer.features, self.answer.member
        try:
            matrix = as_matrix(batch, features)[alerts[_ROW].to_numpy()]
            scores, unit = alerts["score"].to_numpy(), unit_of(member.calibration)
            reasons = explain(member.scorer, matrix, scores, features, unit)
        except BROKEN as error:
            reasons, self.failure = [[] for _ in range(alerts.height)], in_short(error)
        self.failed += sum(not each for each in reasons)
        return reasons
