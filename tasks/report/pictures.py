"""The other diagrams: probabilities of a night, progress of a training, trends over nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.models.base import History
from tasks.report import words
from tasks.report.records import Histogram
from tasks.report.trends import NightLine
from tasks.report.vega import SERIES, Picture, Spec, at, axis, color, draw, told_apart
from tasks.report.worth import draw_worth

Series = Mapping[str, Sequence[float | None]]


def draw_spread(
    night: Histogram, training: Histogram | None, of_values: bool = False
) -> Picture | None:
    """How sure the model was of the night's events, or what it predicts; None without events."""
    if not sum(night.counts):
        return None
    shares = {"field": "share", "type": "quantitative", "title": "share of events"}
    y = shares | {"scale": {"type": "sqrt"}, "axis": {"format": ".3~%", "tickCount": 6}}
    labels = ["this night", *(["training"] if training else [])]
    x = {
        "field": "bin",
        "type": "ordinal",
        "title": "predicted value" if of_values else "probability",
        "sort": None,
        "axis": {"labelAngle": -40, "grid": False},
    }
    encoding = {"x": x, "y": y, "color": color(labels, "square")}
    layers: list[Spec] = [
        {
            "data": {"values": _shares(night, "this night", of_values)},
            "mark": {"type": "bar", "opacity": 0.75},
            "encoding": encoding,
        }
    ]
    told = "What was predicted of" if of_values else "How sure the model was of"
    caption = f"{told} the night's events; the upright scale is a square root."
    if training is not None:
        caption += " The ticks are the events it was tested on in training."
        tick = {"type": "tick", "thickness": 3, "opacity": 1, "width": {"band": 1.0}}
        values = {"values": _shares(training, "training", of_values)}
        layers.append({"data": values, "mark": tick, "encoding": encoding})
    title = "Predictions" if of_values else "Probabilities"
    return Picture(title, caption, draw({"layer": layers}, "probabilities", title))


def draw_learning(history: History, measure: str = "average precision") -> list[Picture]:
    """How the training went: the measure that decided when to stop, and the loss."""
    if len(history.epochs) < 2:
        return []
    told = (
        ("stop_metric", "Learning", measure, "On the rows that decide when to stop."),
        ("loss", "Loss", "mean loss", "On the rows the model is fitted to."),
    )
    drawn = []
    for field, title, name, caption in told:
        values = [{"x": each.number, "y": getattr(each, field)} for each in history.epochs]
        spec = {
            "layer": [
                {
                    "data": {"values": values},
                    "mark": {"type": "line", "strokeWidth": 2, "color": SERIES[0]},
                    "encoding": {
                        "x": axis("x", "epoch", {"axis": {"tickMinStep": 1}}),
                        "y": axis("y", name, {"scale": {"zero": False}}),
                    },
                },
                {
                    "data": {"values": [{}]},
                    "mark": {"type": "rule", "strokeDash": [4, 3], "color": "var(--ink)"},
                    "encoding": at("x", history.kept),
                },
            ]
        }
        caption += f" The dashed line marks epoch {words.number(history.kept)}, which was kept."
        drawn.append(Picture(title, caption, draw(spec, field, title)))
    return drawn


def draw_trends(lines: Sequence[NightLine]) -> list[Picture]:
    """What nights were worth, and what they had and held back; nothing for fewer than two."""
    if len(lines) < 2:
        return []
    alerts: Series = {
        "alerts": [line.alerts for line in lines],
        "expected hits": [line.expected_hits for line in lines],
    }
    held: Series = {"quarantined": [line.quarantined_share for line in lines]}
    days = [line.batch_date for line in lines]
    worth = (
        draw_worth("precision", days, [line.precision for line in lines]),
        draw_worth("recall", days, [line.recall for line in lines]),
    )
    drifted: Series = {"features": [line.drifted for line in lines]}
    drift = (
        _trend("Drift", "Of the features, the share that drifted strongly.", ".2~%", lines, drifted)
        if any(line.drifted is not None for line in lines)
        else None
    )
    return [
        *filter(None, (*worth, drift)),
        _trend("Alerts", "How many, and how many of them to expect right.", ",.0f", lines, alerts),
        _trend(
            "Events", "Scored each night.", ",.0f", lines, {"e": [line.scored for line in lines]}
        ),
        _trend("Quarantined", "Of the rows that came, the share held back.", ".2~%", lines, held),
        _trend(
            "Checks", "That did not hold.", ",.0f", lines, {"c": [line.broken for line in lines]}
        ),
    ]


def _trend(
    title: str, caption: str, axis_format: str, lines: Sequence[NightLine], series: Series
) -> Picture:
    values = [
        {"x": line.batch_date, "y": value, "series": label}
        for label, figures in series.items()
        for line, value in zip(lines, figures, strict=True)
    ]
    top = max((value or 0.0 for figures in series.values() for value in figures), default=0.0)
    days = {"format": "%-d %b", "tickCount": 5, "labelOverlap": True}
    x = {"field": "x", "type": "temporal", "title": None, "axis": days, "scale": {"type": "utc"}}
    ticks: Spec = {"format": axis_format, "tickCount": 5}
    if "%" not in axis_format and top <= 5:
        ticks["values"] = list(range(round(top) + 2))
    domain = {"domain": [0, top], "nice": True} if top else {"domain": [0, 1]}
    y = axis("y", "", {"title": None, "axis": ticks, "scale": domain})
    mark = {"type": "line", "strokeWidth": 2, "point": {"size": 22, "filled": True}}
    apart = told_apart("strokeDash", list(series))
    encoding = {"x": x, "y": y, "color": color(list(series)), **apart}
    spec = {"data": {"values": values}, "mark": mark, "encoding": encoding}
    return Picture(title, caption, draw(spec, f"trend-{title.lower()}", title))


def _shares(histogram: Histogram, label: str, of_values: bool) -> list[Mapping[str, Any]]:
    whole = sum(histogram.counts) or 1
    say = words.number if of_values else words.percent
    return [
        {"bin": f"to {say(high)}", "share": count / whole, "series": label}
        for high, count in zip(histogram.edges[1:], histogram.counts, strict=True)
    ]
