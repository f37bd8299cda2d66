"""What a decision is expected to bring, as a sentence and as measures."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tasks.core.results import Estimate, Scored
from tasks.models.records import Metric
from tasks.report import words

SPLIT = "decision"

_TOLD: Mapping[str, tuple[str, Callable[[float | None], str]]] = {
    "expected_precision": ("precision", words.share),
    "expected_recall": ("recall", words.share),
    "expected_value_of_alerts": ("mean value of alerts", words.number),
    "mean_value": ("of all events", words.number),
    "expected_alerts_a_day": ("alerts a day", words.number),
    "expected_cost_a_day": ("cost a day", words.number),
    "cost_a_day_without_alerts": ("cost a day without alerts", words.number),
}


def sentence(scored: Scored) -> str:
    """What the rule would have brought on the model's test part; empty where that is not known.

    `Expected of this rule: precision 31.0% (25.2% to 36.9%), … ; …`
    """
    told = [_told(each) for each in scored.expected if each.name in _TOLD]
    if not told:
        return ""
    rows = scored.expected[0].rows
    without = f" without {scored.not_expected}" if scored.not_expected else ""
    return (
        f"Expected of this rule{without}: {', '.join(told)}; by the {words.count(rows, 'row')} of "
        "the model's test part, with 95% intervals."
    )


def measures(scored: Scored) -> tuple[Metric, ...]:
    """The same as rows of `model_metrics`, of the split `decision`."""
    return tuple(
        Metric(scored.source, SPLIT, each.name, each.value, each.low, each.high, each.rows)
        for each in scored.expected
    )


def _told(each: Estimate) -> str:
    name, say = _TOLD[each.name]
    if say(each.low) == say(each.high):
        return f"{name} {say(each.value)}"
    return f"{name} {say(each.value)} ({say(each.low)} to {say(each.high)})"
