"""How far a share of counted rows may be from the truth."""

from __future__ import annotations

import math

_Z = 1.959963984540054  # two-sided, 95%


def wilson(share: float, rows: float) -> tuple[float, float]:
    """The 95% interval of a share.

    Args:
        share: 0 to 1.
        rows: rows it was counted on.

    Source: Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if rows <= 0:
        return 0.0, 1.0
    spread = _Z * _Z / rows
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(max(share * (1 - share) / rows + spread / (4 * rows), 0.0))
    half *= _Z / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
