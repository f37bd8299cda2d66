"""What a model's decisions did to the rows it was measured on: found, missed, wrong, passed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.models.records import Metric

_A_DAY = re.compile(r"precision(_at_(\d+)_a_day)")


@dataclass(frozen=True, slots=True)
class Confusion:
    """The four counts of one decision.

    Args:
        model: the kind of model.
        rule: the decision in words.
        found: positives that were called.
        missed: positives that were not.
        wrong: ordinary events that were called.
        passed: ordinary events that were not.
    """

    model: str
    rule: str
    found: int
    missed: int
    wrong: int
    passed: int

    @property
    def rows(self) -> int:
        """All rows."""
        return self.found + self.missed + self.wrong + self.passed


def confusions(metrics: Sequence[Metric], split: str) -> Iterator[Confusion]:
    """The counts behind precision and recall, of each model at each decision that called any.

    Args:
        metrics: measures of any split.
        split: the one that is counted.
    """
    measured = [each for each in metrics if each.split == split]
    for model in dict.fromkeys(each.model for each in measured):
        values = {each.metric: each.value for each in measured if each.model == model}
        rows = next((e.rows for e in measured if (e.model, e.metric) == (model, "base_rate")), 0)
        for suffix, rule in _rules(values):
            yield from _count(model, rule, suffix, values, rows)


def _rules(values: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    for name in values:
        found = _A_DAY.fullmatch(name)
        if found:
            yield found[1], f"the {found[2]} highest scores a day"
    yield "", "probability of 50% or more"


def _count(
    model: str, rule: str, suffix: str, values: Mapping[str, float], rows: int
) -> Iterator[Confusion]:
    precision, recall = values.get(f"precision{suffix}"), values.get(f"recall{suffix}")
    if not precision or not recall or "base_rate" not in values:
        return
    positives = round(values["base_rate"] * rows)
    found = round(recall * positives)
    wrong = round(found / precision) - found
    yield Confusion(model, rule, found, positives - found, wrong, rows - positives - wrong)
