"""What a good row is, for every expectation that judges rows, one module a family.

`PREDICATES` maps the name of a map metric to its `Predicate`. A predicate says true for a good
row and looks at all rows of the frame; `unexpected` turns it into the exact set of failing rows.
"""

from __future__ import annotations

from expectations.engine.predicates import (
    columns,
    order,
    presence,
    ranges,
    spread,
    structured,
    text,
)
from expectations.engine.predicates.base import PREDICATES, Predicate, unexpected

__all__ = [
    "PREDICATES",
    "Predicate",
    "columns",
    "order",
    "presence",
    "ranges",
    "spread",
    "structured",
    "text",
    "unexpected",
]
