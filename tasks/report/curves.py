"""The curves of a model: precision and recall, ROC, calibration, each beside chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.models.records import Curve
from tasks.report import words
from tasks.report.vega import Picture, Spec, axis, color, draw

# Precision at the very first rows jumps about; the scale is set by what comes after.
_FIRST_RECALL = 0.02


@dataclass(frozen=True, slots=True)
class _Diagram:
    title: str
    caption: str
    x: str
    y: str


_DIAGRAMS: Mapping[str, _Diagram] = {
    "precision_recall": _Diagram(
        "Precision and recall",
        "Of the events called, the share that was right, against the share of all positives "
        "found. The dotted line is chance.",
        "recall",
        "precision",
    ),
    "roc": _Diagram(
        "ROC",
        "Positives found against ordinary events called wrongly. The dotted line is chance.",
        "false-alarm rate",
        "recall",
    ),
    "calibration": _Diagram(
        "Calibration",
        "What was said against what happened, for events of like probability. On the dotted "
        "line a probability means what it says.",
        "mean probability",
        "share of positives",
    ),
}


def draw_curves(curves: Sequence[Curve], split: str, base_rate: float | None) -> list[Picture]:
    """Every diagram of every model on one split, where there are any.

    Args:
        curves: of any kind and split.
        split: the one to draw.
        base_rate: share of positives; None where it is not known.
    """
    drawn = []
    for kind, diagram in _DIAGRAMS.items():
        lines = [curve for curve in curves if (curve.kind, curve.split) == (kind, split)]
        if lines:
            svg = draw(_specify(kind, lines, base_rate), kind)
            drawn.append(Picture(diagram.title, diagram.caption, svg))
    return drawn


def _specify(kind: str, curves: Sequence[Curve], base_rate: float | None) -> Spec:
    diagram, (right, top) = _DIAGRAMS[kind], _reach(kind, curves)
    place = {
        "x": axis("x", diagram.x, {"scale": {"domain": [0, right], "nice": right < 1}}),
        "y": axis("y", diagram.y, {"scale": {"domain": [0, top], "nice": top < 1}}),
    }
    values = [
        {"x": x, "y": y, "series": words.name(curve.model), "order": order}
        for curve in curves
        for order, (x, y) in enumerate(zip(curve.x, curve.y, strict=True))
    ]
    models = list(dict.fromkeys(words.name(curve.model) for curve in curves))
    encoding = {**place, "color": color(models), "order": {"field": "order"}}
    mark: Spec = {"type": "line", "strokeWidth": 2, "clip": True}
    if kind == "calibration":
        mark = {"type": "point", "filled": True, "size": 45, "opacity": 0.9}
        encoding["color"] = color(models, "circle")
    chance = _chance(kind, min(right, top), base_rate)
    dotted = {
        "data": {"values": [{"x": x, "y": y} for x, y in chance]},
        "mark": {"type": "line", "strokeDash": [1, 4], "color": "var(--muted)", "strokeWidth": 2},
        "encoding": place,
    }
    lines: Spec = {"mark": mark, "encoding": encoding}
    return {"data": {"values": values}, "layer": [dotted, lines] if chance else [lines]}


def _reach(kind: str, curves: Sequence[Curve]) -> tuple[float, float]:
    """How far the axes go, to the right and upwards."""
    points = [point for curve in curves for point in zip(curve.x, curve.y, strict=True)]
    if kind == "calibration":
        top = max((1e-3, *(max(point) for point in points)))
        return top, top
    if kind == "precision_recall":
        top = max((1e-3, *(y for x, y in points if x >= _FIRST_RECALL)))
        return 1.0, min(1.0, 1.1 * top)
    return 1.0, 1.0


def _chance(kind: str, end: float, base_rate: float | None) -> list[tuple[float, float]]:
    if kind != "precision_recall":
        return [(0.0, 0.0), (end, end)]
    return [] if base_rate is None else [(0.0, base_rate), (1.0, base_rate)]
