"""The diagrams of the pages: curves of a model, scores of a night, trends over nights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks.models.base import History
from tasks.models.records import Curve
from tasks.report import words
from tasks.report.records import Histogram
from tasks.report.trends import NightLine
from tasks.report.vega import SERIES, Spec, at, axis, color, draw

Series = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A diagram, what it is called, and what it shows in a sentence.

    Args:
        title: its heading.
        caption: how to read it.
        svg: the drawing.
    """

    title: str
    caption: str
    svg: str


def draw_curves(curves: Sequence[Curve], split: str, base_rate: float | None) -> list[Picture]:
    """Precision-recall, ROC and calibration of every model on one split, where there are any."""
    told = {
        "precision_recall": (
            "Precision and recall",
            "Of the events called, the share that was right, against the share of all positives "
            "found. The dotted line is chance.",
        ),
        "roc": (
            "ROC",
            "Positives found against ordinary events called wrongly. The dotted line is chance.",
        ),
        "calibration": (
            "Calibration",
            "What was said against what happened. On the dotted line a probability means what "
            "it says.",
        ),
    }
    drawn = []
    for kind, (title, caption) in told.items():
        lines = [curve for curve in curves if curve.kind == kind and curve.split == split]
        if lines:
            drawn.append(Picture(title, caption, draw(_curve_spec(kind, lines, base_rate), kind)))
    return drawn


def draw_probabilities(night: Histogram, training: Histogram | None) -> Picture | None:
    """How sure the model was of the night's events; None where there was none."""
    if not sum(night.counts):
        return None
    shares = {"field": "share", "type": "quantitative", "title": "share of events"}
    y = shares | {"scale": {"type": "sqrt"}, "axis": {"format": ".3~%", "tickCount": 6}}
    labels = ["this night", *(["training"] if training else [])]
    x = {
        "field": "bin",
        "type": "ordinal",
        "title": "probability",
        "sort": None,
        "axis": {"labelAngle": -40, "grid": False},
    }
    encoding = {"x": x, "y": y, "color": color(labels, "square")}
    layers: list[Spec] = [
        {
            "data": {"values": _shares(night, "this night")},
            "mark": {"type": "bar", "opacity": 0.75},
            "encoding": encoding,
        }
    ]
    caption = "How sure the model was of the night's events; the upright scale is a square root."
    if training is not None:
        caption += " The ticks are the events it was tested on in training."
        tick = {"type": "tick", "thickness": 3, "opacity": 1, "width": {"band": 1.0}}
        values = {"values": _shares(training, "training")}
        layers.append({"data": values, "mark": tick, "encoding": encoding})
    return Picture("Probabilities", caption, draw({"layer": layers}, "probabilities"))


def draw_learning(history: History) -> list[Picture]:
    """How the training went: the measure that decided when to stop, and the loss."""
    if len(history.epochs) < 2:
        return []
    told = (
        ("stop_metric", "Learning", "average precision", "On the rows that decide when to stop."),
        ("loss", "Loss", "mean loss", "On the rows the model is fitted to."),
    )
    drawn = []
    for field, title, measure, caption in told:
        values = [{"x": each.number, "y": getattr(each, field)} for each in history.epochs]
        spec = {
            "layer": [
                {
                    "data": {"values": values},
                    "mark": {"type": "line", "strokeWidth": 2, "color": SERIES[0]},
                    "encoding": {
                        "x": axis("x", "epoch", {"axis": {"tickMinStep": 1}}),
                        "y": axis("y", measure, {"scale": {"zero": False}}),
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
        drawn.append(Picture(title, caption, draw(spec, field)))
    return drawn


def draw_trends(lines: Sequence[NightLine]) -> list[Picture]:
    """Alerts, events, rows held back and broken checks by night; nothing for fewer than two."""
    if len(lines) < 2:
        return []
    alerts: Series = {
        "alerts": [line.alerts for line in lines],
        "expected hits": [line.expected_hits for line in lines],
    }
    held: Series = {"quarantined": [line.quarantined_share for line in lines]}
    return [
        _trend("Alerts", "How many, and how many of them to expect right.", "", lines, alerts),
        _trend("Events", "Scored each night.", "", lines, {"e": [line.scored for line in lines]}),
        _trend("Quarantined", "Of the rows that came, the share held back.", ".2~%", lines, held),
        _trend("Checks", "That did not hold.", "", lines, {"c": [line.broken for line in lines]}),
    ]


def _trend(
    title: str, caption: str, axis_format: str, lines: Sequence[NightLine], series: Series
) -> Picture:
    values = [
        {"x": line.batch_date, "y": value, "series": label}
        for label, figures in series.items()
        for line, value in zip(lines, figures, strict=True)
    ]
    days = {"format": "%-d %b", "tickCount": 5, "labelOverlap": True}
    x = {"field": "x", "type": "temporal", "title": None, "axis": days, "scale": {"type": "utc"}}
    y = axis("y", "", {"title": None, "axis": {"format": axis_format, "tickCount": 5}})
    mark = {"type": "line", "strokeWidth": 2, "point": {"size": 22, "filled": True}}
    encoding = {"x": x, "y": y, "color": color(list(series))}
    spec = {"data": {"values": values}, "mark": mark, "encoding": encoding}
    return Picture(title, caption, draw(spec, f"trend-{title.lower()}"))


def _curve_spec(kind: str, curves: Sequence[Curve], base_rate: float | None) -> Spec:
    axes = {
        "precision_recall": ("recall", "precision"),
        "roc": ("false-alarm rate", "recall"),
        "calibration": ("mean probability", "share of positives"),
    }
    values = [
        {"x": x, "y": y, "series": words.name(curve.model), "order": place}
        for curve in curves
        for place, (x, y) in enumerate(zip(curve.x, curve.y, strict=True))
    ]
    top = 1.0
    if kind == "calibration":
        top = max((1e-3, *(max(*curve.x, *curve.y) for curve in curves)))
    scale = {"scale": {"domain": [0, top], "nice": kind == "calibration"}}
    x, y = (axis(field, title, scale) for field, title in zip("xy", axes[kind], strict=True))
    mark: Spec = {"type": "line", "strokeWidth": 2, "clip": True}
    if kind == "calibration":
        mark["point"] = {"size": 28, "filled": True}
    models = list(dict.fromkeys(words.name(curve.model) for curve in curves))
    order = {"field": "order", "type": "quantitative"}
    lines = {"mark": mark, "encoding": {"x": x, "y": y, "color": color(models), "order": order}}
    chance = [{"x": 0, "y": 0}, {"x": top, "y": top}]
    if kind == "precision_recall":
        chance = [{"x": each, "y": base_rate} for each in (0, 1)] if base_rate is not None else []
    dotted = {
        "data": {"values": chance},
        "mark": {"type": "line", "strokeDash": [1, 4], "color": "var(--muted)", "strokeWidth": 2},
        "encoding": {"x": x, "y": y},
    }
    return {"data": {"values": values}, "layer": [dotted, lines] if chance else [lines]}


def _shares(histogram: Histogram, label: str) -> list[Mapping[str, Any]]:
    whole = sum(histogram.counts) or 1
    return [
        {"bin": f"to {words.percent(high)}", "share": count / whole, "series": label}
        for high, count in zip(histogram.edges[1:], histogram.counts, strict=True)
    ]
