"""Order statistics of ranges: the k-th smallest value of any range of an array.

A wavelet matrix, walked while it is built: bit by bit, from the highest, the values are put in
order by that bit, stably, and each range follows its k-th value into the half where it lies. So
all ranges are answered together, in as many passes as the largest number has bits, with no more
memory than one level.

Source: Claude, Navarro & Ordóñez 2015, doi:10.1016/j.is.2014.06.002.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(slots=True)
class Asked:
    """The k-th smallest, from 0, of each range; `found` when the walk is done.

    Args:
        low: index of each range's first value.
        high: index after its last one.
        k: which value; ranges hold more than `k`, or their answer means nothing.
        found: the value, once every bit was walked.
    """

    low: Ints
    high: Ints
    k: Ints
    found: Ints

    def descend(self, zeros: Ints, bit: int) -> None:
        """Follow each range into the half that holds its k-th value."""
        low, high = zeros[self.low], zeros[self.high]
        above = self.k >= high - low
        split = zeros[-1]
        self.k = np.where(above, self.k - (high - low), self.k)
        self.low = np.where(above, split + self.low - low, low)
        self.high = np.where(above, split + self.high - high, high)
        self.found |= above.astype(np.int64) << bit


def kth_smallest(numbers: Ints, asked: Sequence[tuple[Ints, Ints, Ints]]) -> list[Ints]:
    """Answer ranges of an array of numbers that are not negative.

    Args:
        numbers: (n,) from 0; the smaller the largest, the fewer the passes.
        asked: (low, high, k) of many ranges each.

    Returns:
        The k-th smallest number of each range.
    """
    walks = [Asked(low, high, k, np.zeros_like(k)) for low, high, k in asked]
    for bit in reversed(range(int(numbers.max(initial=0)).bit_length())):
        lower = (numbers >> bit) & 1 == 0
        zeros = np.concatenate([np.zeros(1, np.int64), np.cumsum(lower)])
        for walk in walks:
            walk.descend(zeros, bit)
        numbers = np.concatenate([numbers[lower], numbers[~lower]])
    return [walk.found for walk in walks]
