"""Texts that fall into a few buckets by a hash that is the same on every machine, for ever."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

import numpy as np
import polars as pl

from tasks.features.row_config import CrossesFamily, NgramsFamily

_BETWEEN = "\x1f"


def ngrams(family: NgramsFamily, rows: pl.DataFrame) -> pl.DataFrame:
    """Counts of a text's pieces by bucket; missing where the text is.

    Source: Weinberger et al. 2009, doi:10.1145/1553374.1553516.
    """
    parts = []
    for column in family.columns:
        texts = rows[column].drop_nulls().unique().sort()
        counts = np.zeros((len(texts), family.buckets), np.float32)
        for text, row in zip(texts, counts, strict=True):
            for piece in _pieces(text.lower(), family):
                row[bucket(piece, family.buckets)] += 1
        stem = f"{column}.{family.n}{'gram' if family.of == 'characters' else 'word'}"
        counted = pl.DataFrame(counts, schema=list(_bucket_names(stem, family.buckets)))
        keyed = counted.with_columns(texts.alias("_text"))
        found = rows.select(_text=column).join(keyed, on="_text", how="left", maintain_order="left")
        parts.append(found.drop("_text"))
    return pl.concat(parts, how="horizontal")


def crosses(family: CrossesFamily, rows: pl.DataFrame) -> pl.DataFrame:
    """Products of numbers; the bucket of each combination of categories, one feature each."""
    products = (
        (pl.col(one).cast(pl.Float64) * pl.col(other)).alias(f"{one}_times_{other}")
        for one, other in family.products
    )
    return pl.concat(
        [
            rows.select(products),
            *(_crossed(rows, columns, family.buckets) for columns in family.hashed),
        ],
        how="horizontal",
    )


def bucket(text: str, buckets: int) -> int:
    """The bucket a text falls into."""
    return zlib.crc32(text.encode()) % buckets


def _pieces(text: str, family: NgramsFamily) -> Iterator[str]:
    whole = text.split() if family.of == "words" else text
    for start in range(len(whole) - family.n + 1):
        piece = whole[start : start + family.n]
        yield piece if isinstance(piece, str) else " ".join(piece)


def _crossed(rows: pl.DataFrame, columns: Iterable[str], buckets: int) -> pl.DataFrame:
    stem = "+".join(columns)
    texts = [pl.col(column).cast(pl.String).fill_null(_BETWEEN) for column in columns]
    crossed = rows.select(pl.concat_str(texts, separator=_BETWEEN)).to_series()
    combinations = crossed.unique()
    numbers = pl.Series([bucket(text, buckets) for text in combinations], dtype=pl.Int32)
    found = crossed.replace_strict(combinations, numbers)
    names = _bucket_names(f"{stem}.hash", buckets)
    return pl.DataFrame({name: found == number for number, name in enumerate(names)})


def _bucket_names(stem: str, buckets: int) -> Iterator[str]:
    width = len(str(buckets - 1))
    return (f"{stem}_{number:0{width}}" for number in range(buckets))
