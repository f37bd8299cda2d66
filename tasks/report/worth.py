"""What nights turned out to be worth, and what was expected of them before anybody knew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tasks.core.intervals import wilson
from tasks.report.vega import Picture, Spec, axis, color, draw, told_apart

Measure = Literal["precision", "recall"]
_COUNTED_ON: Mapping[Measure, str] = {"precision": "known_alerts", "recall": "positives"}
_REALISED, _EXPECTED = "realised", "expected, before labels"


@dataclass(frozen=True, slots=True)
class Share:
    """A share with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Worth:
    """One measure of a night's alerts.

    Args:
        realised: by the labels that are known; None where none is.
        expected: by calibrated probabilities alone: an estimate.
        is_partial: whether only some labels are known.
    """

    realised: Share | None = None
    expected: Share | None = None
    is_partial: bool = False


def see_worth(row: Mapping[str, Any], measure: Measure) -> Worth:
    """A measure of one row of the realised table."""
    value, expected = row[measure], row[f"expected_{measure}"]
    return Worth(
        None if value is None else Share(value, *wilson(value, row[_COUNTED_ON[measure]])),
        None
        if expected is None
        else Share(expected, row[f"expected_{measure}_low"], row[f"expected_{measure}_high"]),
        row["status"] == "partial",
    )


def draw_worth(measure: Measure, days: Sequence[str], nights: Sequence[Worth]) -> Picture | None:
    """A measure by night: what was expected as a band, what turned out as points with intervals.

    None where fewer than two nights have either.
    """
    told = [*zip(days, nights, strict=True)]
    expected = [_point(day, each.expected, _EXPECTED) for day, each in told if each.expected]
    realised = [_point(day, each.realised, _REALISED) for day, each in told if each.realised]
    if max(len(expected), len(realised)) < 2:
        return None
    series = [_REALISED, _EXPECTED]
    x = {
        "field": "x",
        "type": "temporal",
        "title": None,
        "axis": {"format": "%-d %b", "tickCount": 5, "labelOverlap": True},
        "scale": {"type": "utc"},
    }
    ticks = {"axis": {"format": ".3~%", "tickCount": 5}, "title": None}
    between: Spec = {"x": x, "y": axis("low", "", ticks), "y2": {"field": "high"}}
    place: Spec = {"x": x, "y": axis("y", "", ticks)}
    tinted = {"color": color(series)}
    line = {"type": "line", "strokeWidth": 2}
    layers: list[Spec] = [
        _layer(expected, {"type": "area", "opacity": 0.16}, between | tinted),
        _layer(expected, line, place | tinted | told_apart("strokeDash", series)),
        _layer(realised, {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6}, between | tinted),
        _layer(realised, line, place | tinted | told_apart("strokeDash", series)),
        _layer(realised, {"type": "point", "filled": True, "size": 26}, place | tinted),
    ]
    spec = {"layer": [layer for layer in layers if layer["data"]["values"]]}
    of = {"precision": "Of the alerts, those that were right", "recall": "Of the positives, those"}
    caption = (
        f"{of[measure]}{'' if measure == 'precision' else ' among the alerts'}. Points: by the "
        "labels known so far, with 95% intervals. Band: an estimate from probabilities alone."
    )
    return Picture(measure.capitalize(), caption, draw(spec, f"trend-{measure}", measure))


def _layer(values: Sequence[Mapping[str, Any]], mark: Spec, encoding: Spec) -> Spec:
    return {"data": {"values": [*values]}, "mark": mark, "encoding": encoding}


def _point(day: str, share: Share | None, series: str) -> dict[str, Any]:
    assert share is not None
    return {"x": day, "y": share.value, "low": share.low, "high": share.high, "series": series}
