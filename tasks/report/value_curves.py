"""The diagrams of predicted values: against the true ones, their misses, what intervals hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.models.records import Curve
from tasks.report import words
from tasks.report.vega import Picture, Spec, axis, color, draw, told_apart

_DOTTED: Spec = {
    "type": "line",
    "strokeDash": [1, 4],
    "color": "var(--muted)",
    "strokeWidth": 2,
}


def draw_values(curves: Sequence[Curve], split: str) -> list[Picture]:
    """Every diagram of every model that predicts values on one split, where there are any."""
    known = [curve for curve in curves if curve.split == split]
    drawn = []
    for kind, title, caption, specify in (
        (
            "truth",
            "Predicted and true values",
            "Some of the rows; on the dotted line a prediction is right. Both scales are squeezed "
            "like a logarithm, and go through 0.",
            _truth,
        ),
        (
            "residuals",
            "Misses",
            "True less predicted value, as a share of all rows; what lies further out counts to "
            "the ends.",
            _misses,
        ),
        (
            "coverage",
            "Intervals",
            "The share of true values that intervals of each level held, against the share they "
            "are to hold. On the dotted line they keep their word.",
            _coverage,
        ),
    ):
        lines = [curve for curve in known if curve.kind == kind]
        if lines:
            drawn.append(Picture(title, caption, draw(specify(lines), kind, title)))
    return drawn


def _truth(curves: Sequence[Curve]) -> Spec:
    ends = [min(min(c.x + c.y) for c in curves), max(max(c.x + c.y) for c in curves)]
    scale = {"scale": {"type": "symlog", "domain": ends, "nice": False}}
    place = {"x": axis("x", "predicted", scale), "y": axis("y", "true", scale)}
    mark = {"type": "point", "filled": True, "size": 14, "opacity": 0.5, "clip": True}
    return {
        "layer": [
            _line([(end, end) for end in ends], place),
            _layer(mark, curves, place, "shape", "circle"),
        ]
    }


def _misses(curves: Sequence[Curve]) -> Spec:
    place = {"x": axis("x", "true less predicted"), "y": axis("y", "share of rows")}
    mark = {"type": "line", "interpolate": "step", "strokeWidth": 2}
    told = [
        Curve(
            curve.model,
            curve.split,
            curve.kind,
            tuple((a + b) / 2 for a, b in zip(curve.x, curve.x[1:], strict=False)),
            tuple(rows / (sum(curve.y) or 1) for rows in curve.y),
        )
        for curve in curves
    ]
    return {"layer": [_layer(mark, told, place, "strokeDash", "stroke")]}


def _coverage(curves: Sequence[Curve]) -> Spec:
    scale = {"scale": {"domain": [0, 1]}}
    place = {"x": axis("x", "share to hold", scale), "y": axis("y", "share held", scale)}
    mark = {"type": "line", "point": True, "strokeWidth": 2}
    return {
        "layer": [
            _line([(0.0, 0.0), (1.0, 1.0)], place),
            _layer(mark, curves, place, "strokeDash", "stroke"),
        ]
    }


def _line(points: Sequence[tuple[float, float]], place: Mapping[str, Any]) -> Spec:
    values = [{"x": x, "y": y} for x, y in points]
    return {"data": {"values": values}, "mark": _DOTTED, "encoding": dict(place)}


def _layer(
    mark: Spec, curves: Sequence[Curve], place: Mapping[str, Any], channel: str, symbol: str
) -> Spec:
    models = list(dict.fromkeys(words.model(curve.model) for curve in curves))
    told = {"color": color(models, symbol), **told_apart(channel, models, symbol)}
    if symbol == "stroke":
        told["order"] = {"field": "order"}
    return {
        "data": {"values": list(_points(curves))},
        "mark": mark,
        "encoding": {**place, **told},
    }


def _points(curves: Sequence[Curve]) -> Iterator[Mapping[str, Any]]:
    for curve in curves:
        for order, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
            yield {"x": x, "y": y, "order": order, "series": words.model(curve.model)}
