"""Exact sums by whole numbers, and the quotients and deviations that are made of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tasks.features.codes import Floats, Ints

EXACT = ("whole", "fraction")
FRACTION = 2.0**32
_LARGEST = 2.0**52
_WIDEST = 2.0**42
_UNITS = 2.0**20


def whole_and_fraction(values: Floats) -> tuple[Ints, Ints]:
    """Values to 2**-32, up to 2**52 in size, as whole numbers and 2**32ths; missing ones are 0."""
    bounded = np.clip(np.nan_to_num(values, posinf=0, neginf=0), -_LARGEST, _LARGEST)
    whole = np.floor(bounded)
    fractions = np.rint((bounded - whole) * FRACTION).astype(np.int64)
    return whole.astype(np.int64), fractions


def rounded(values: Floats) -> Floats:
    """Values to 2**-20, up to 2**42 in size; NaN where there is none."""
    bounded = np.clip(np.nan_to_num(values), -_WIDEST, _WIDEST)
    return np.where(np.isfinite(values), np.rint(bounded * _UNITS) / _UNITS, np.nan)


def squares(values: Floats) -> Iterator[tuple[Ints, float]]:
    """Squares of multiples of 2**-20 as whole numbers, each with its weight: their sum is exact.

    The products of four digits of base 2**16.
    """
    fixed = np.rint(np.nan_to_num(values) * _UNITS).astype(np.int64)
    digits = [fixed >> 48, *((fixed >> shift) & 0xFFFF for shift in (32, 16, 0))]
    for place in range(7):
        pairs = [(i, place - i) for i in range(4) if 0 <= place - i < 4]
        products: Ints = np.sum([digits[i] * digits[j] for i, j in pairs], axis=0)
        yield products, 2.0 ** (56 - 16 * place)


def divide(above: Floats, below: Floats) -> Floats:
    """A quotient; NaN where the divisor is zero or missing."""
    some = np.isfinite(below) & (below != 0)
    quotient: Floats = np.divide(above, below, out=np.full(len(above), np.nan), where=some)
    return quotient


def deviation(count: Floats, total: Floats, squares: Floats) -> Floats:
    """Sample deviations of so many values with such sums; NaN of fewer than two."""
    about_mean = squares - divide(total, count) * total
    about_mean = np.where(about_mean > 1e-12 * squares, about_mean, 0.0)
    return np.sqrt(divide(about_mean, count - 1) * np.where(count > 1, 1.0, np.nan))
