"""Finds the rows whose key another row holds, too."""

from __future__ import annotations

import numpy as np
import polars as pl

_MANY = 0.1


def is_repeated(key: pl.Expr) -> pl.Expr:
    """True where another row holds the same key; two missing values are the same.

    Args:
        key: one column, or a struct of several.

    Returns:
        The same as `key.is_duplicated()`, for a fraction of its time and memory where few keys
        repeat.
    """
    return key.map_batches(_is_repeated, return_dtype=pl.Boolean)


def _is_repeated(keys: pl.Series) -> pl.Series:
    """Sort hashes instead of building a table of keys; only keys of equal hash are compared."""
    shared = _shared_hashes(keys)
    if len(shared) > _MANY * len(keys):
        return keys.is_duplicated()
    if len(shared) == 0:
        return pl.repeat(False, len(keys), dtype=pl.Boolean, eager=True).alias(keys.name)
    suspects = keys.hash().is_in(pl.Series(shared).implode()).arg_true()
    repeated = suspects.filter(keys.gather(suspects).is_duplicated())
    found = np.zeros(len(keys), dtype=bool)
    found[repeated.to_numpy()] = True
    return pl.Series(keys.name, found)


def _shared_hashes(keys: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """The hashes that several keys have, in order, each at least once."""
    hashes = keys.hash().to_numpy(writable=True)
    hashes.sort()
    shared: np.ndarray[tuple[int], np.dtype[np.uint64]] = hashes[1:][hashes[1:] == hashes[:-1]]
    return shared
