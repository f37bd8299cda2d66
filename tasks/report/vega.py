"""The drawing kit: Vega-Lite specifications as plain dicts, drawn as SVG for one page.

Altair would take longer to import than all of a page's pictures take to draw, and would give the
same dicts. Colours are the page's own variables, so that one drawing suits light and dark.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_WIDTH, _HEIGHT = 330, 230
SERIES = ("var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)")
_DASHES = ((1, 0), (7, 3), (2, 3), (9, 3, 2, 3))
_SHAPES = ("circle", "triangle-up", "square", "diamond")
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif"
_CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": _FONT,
    "aria": False,
    "view": {"stroke": None},
    "axis": {
        "domainColor": "var(--line-strong)",
        "gridColor": "var(--line)",
        "labelColor": "var(--muted)",
        "labelFontSize": 11,
        "tickColor": "var(--line-strong)",
        "tickCount": 5,
        "titleColor": "var(--muted)",
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "legend": {
        "labelColor": "var(--ink)",
        "labelFontSize": 11,
        "offset": 4,
        "orient": "top",
        "symbolOpacity": 1,
        "title": None,
    },
}

Spec = dict[str, Any]


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


def axis(field: str, title: str, more: Mapping[str, Any] | None = None) -> Spec:
    """A quantitative channel with its title."""
    return {"field": field, "type": "quantitative", "title": title, **(more or {})}


def at(channel: str, value: float) -> Spec:
    """A fixed place on one channel."""
    return {channel: {"datum": value, "type": "quantitative"}}


def color(series: Sequence[str], symbol: str = "stroke") -> Spec:
    """A colour for each series, with a legend where there is more than one."""
    legend = {"symbolType": symbol, "symbolStrokeWidth": 3 if symbol == "stroke" else 0}
    return {
        "field": "series",
        "type": "nominal",
        "scale": {"domain": list(series), "range": list(SERIES[: len(series)])},
        "legend": legend if len(series) > 1 else None,
    }


def told_apart(channel: str, series: Sequence[str], symbol: str = "stroke") -> Spec:
    """A dash or a shape for each series, for eyes that do not tell the colours apart.

    Args:
        channel: `strokeDash` or `shape`.
        series: as they are given to `color`, whose legend shows both.
        symbol: as it is given to `color`.
    """
    kinds = _SHAPES if channel == "shape" else _DASHES
    tinted = color(series, symbol)
    return {channel: tinted | {"scale": {"domain": list(series), "range": kinds[: len(series)]}}}


def draw(spec: Spec, name: str, title: str = "") -> str:
    """Draw a specification as an `<svg>` element without a fixed size.

    Args:
        spec: without size and configuration.
        name: tells the drawing's inner names from those of the page's other drawings.
        title: what it is called where it cannot be seen.
    """
    # Starting the JavaScript engine takes most of a second: only a page that draws pays for it.
    import vl_convert

    size = {"width": _WIDTH, "height": _HEIGHT, "autosize": {"type": "fit", "contains": "padding"}}
    whole = {**size, "config": _CONFIG, **spec}
    svg = str(vl_convert.vegalite_to_svg(whole))
    # Vega numbers its inner names on and on through a process; a page needs them its own.
    names = dict.fromkeys(re.findall(r'id="([^"]+)"', svg))
    for place, inner in enumerate(names):
        svg = svg.replace(f'id="{inner}"', f'id="{name}-{place}"')
        svg = svg.replace(f"url(#{inner})", f"url(#{name}-{place})")
    said = f' role="img" aria-label="{html.escape(title or name)}"'
    return re.sub(r'(<svg[^>]*?) width="\d+" height="\d+"', rf"\1{said}", svg, count=1)
