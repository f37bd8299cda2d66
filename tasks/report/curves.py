"""The curves of a model: precision and recall, ROC, gains, calibration, each beside chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.core.intervals import wilson
from tasks.models.records import Curve, Metric
from tasks.report import words
from tasks.report.vega import Picture, Spec, axis, color, draw, told_apart

# Precision at the very first rows jumps about; the scale is set by what comes after.
_FIRST_RECALL = 0.02
_BAND_POINTS = 40
_GAINS = "gains"


@dataclass(frozen=True, slots=True)
class Part:
    """The rows a model was measured on.

    Args:
        rows: how many.
        base_rate: the share of positives.
    """

    rows: int
    base_rate: float

    @property
    def positives(self) -> float:
        """How many positives there are."""
        return self.rows * self.base_rate


Parts = Mapping[str, Part]


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
    _GAINS: _Diagram(
        "Gains",
        "How many of all positives are found by looking at so many of all events, the most "
        "suspicious first. The dotted line is looking at random.",
        "share of events looked at",
        "share of positives found",
    ),
    "calibration": _Diagram(
        "Calibration",
        "What was said against what happened, for events of like probability. On the dotted "
        "line a probability means what it says.",
        "mean probability",
        "share of positives",
    ),
}
_SHADED = " Shaded: 95% intervals."
_BARRED = " Bars: 95% intervals."


def parts(metrics: Sequence[Metric], split: str) -> Parts:
    """The rows of a split, by model, where the measures tell of them."""
    return {
        each.model: Part(each.rows, each.value)
        for each in metrics
        if (each.metric, each.split) == ("base_rate", split)
    }


def draw_curves(curves: Sequence[Curve], split: str, measured: Parts) -> list[Picture]:
    """Every diagram of every model on one split, where there are any.

    Args:
        curves: of any kind and split.
        split: the one to draw.
        measured: the split's rows, by model; without them there are no intervals and no gains.
    """
    known = [curve for curve in curves if curve.split == split]
    known += _gains(known, measured)
    drawn = []
    for kind, diagram in _DIAGRAMS.items():
        lines = [curve for curve in known if curve.kind == kind]
        if lines:
            svg = draw(_specify(kind, lines, measured), kind, diagram.title)
            told = (_BARRED if kind == "calibration" else _SHADED) if measured else ""
            drawn.append(Picture(diagram.title, diagram.caption + told, svg))
    return drawn


def _gains(curves: Sequence[Curve], measured: Parts) -> list[Curve]:
    """The share of events called at each point of a ROC curve, against the share found."""
    return [
        Curve(
            curve.model,
            curve.split,
            _GAINS,
            tuple(
                base * found + (1 - base) * alarms
                for alarms, found in zip(curve.x, curve.y, strict=True)
            ),
            curve.y,
        )
        for curve in curves
        if curve.kind == "roc" and curve.model in measured
        for base in [measured[curve.model].base_rate]
    ]


def _specify(kind: str, curves: Sequence[Curve], measured: Parts) -> Spec:
    diagram, (right, top) = _DIAGRAMS[kind], _reach(kind, curves)
    x = axis("x", diagram.x, {"scale": {"domain": [0, right], "nice": right < 1}})
    height = {"scale": {"domain": [0, top], "nice": top < 1}}
    place = {"x": x, "y": axis("y", diagram.y, height)}
    models = list(dict.fromkeys(words.model(curve.model) for curve in curves))
    symbol, channel = ("circle", "shape") if kind == "calibration" else ("stroke", "strokeDash")
    tinted = color(models, symbol)
    apart = told_apart(channel, models, symbol)
    values = [
        {"x": x, "y": y, "series": words.model(curve.model), "order": order}
        for curve in curves
        for order, (x, y) in enumerate(zip(curve.x, curve.y, strict=True))
    ]
    between = {"x": x, "y": axis("low", diagram.y, height), "y2": {"field": "high"}}
    mark: Spec = {"type": "line", "strokeWidth": 2, "clip": True}
    spread: Spec = {"type": "area", "opacity": 0.16, "clip": True}
    if kind == "calibration":
        mark = {"type": "point", "filled": True, "size": 45, "opacity": 0.9}
        spread = {"type": "rule", "strokeWidth": 1.5, "opacity": 0.5, "clip": True}
    layers: list[Spec] = [
        {
            "data": {"values": list(_bands(kind, curves, measured))},
            "mark": spread,
            "encoding": between | {"color": tinted},
        },
        {
            "data": {"values": [{"x": x, "y": y} for x, y in _chance(kind, right, top, measured)]},
            "mark": {
                "type": "line",
                "strokeDash": [1, 4],
                "color": "var(--muted)",
                "strokeWidth": 2,
            },
            "encoding": place,
        },
        {"mark": mark, "encoding": place | {"color": tinted, "order": {"field": "order"}} | apart},
    ]
    told = [layer for layer in layers if layer.get("data", {"values": values})["values"]]
    return {"data": {"values": values}, "layer": told}


def _bands(
    kind: str, curves: Sequence[Curve], measured: Parts
) -> Iterator[Mapping[str, float | str]]:
    """The 95% interval of each point, of fewer points than an eye could tell apart."""
    for curve in curves:
        part = measured.get(curve.model)
        step = max(1, len(curve.x) // _BAND_POINTS)
        for x, y in [*zip(curve.x, curve.y, strict=True)][::step] if part else ():
            low, high = wilson(y, _counted(kind, x, y, curve, part))
            yield {"x": x, "low": low, "high": high, "series": words.model(curve.model)}


def _counted(kind: str, x: float, y: float, curve: Curve, part: Part | None) -> float:
    """The rows that a point's share was counted on."""
    if part is None:
        return 0.0
    if kind == "calibration":
        return part.rows * _share_of_bin(x, curve, part)
    if kind == "precision_recall":
        return x * part.positives / y if y else 0.0
    return part.positives


def _share_of_bin(x: float, curve: Curve, part: Part) -> float:
    """The share of rows in the bin of a mean probability: as many of the rarer kind in each."""
    rare = [each if part.base_rate < 0.5 else 1 - each for each in (x, *curve.x)]
    weights = [1 / max(each, 1e-12) for each in rare]
    return weights[0] / sum(weights[1:])


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


def _chance(kind: str, right: float, top: float, measured: Parts) -> list[tuple[float, float]]:
    if kind != "precision_recall":
        end = min(right, top)
        return [(0.0, 0.0), (end, end)]
    rate = next((part.base_rate for part in measured.values()), None)
    return [] if rate is None else [(0.0, rate), (1.0, rate)]
