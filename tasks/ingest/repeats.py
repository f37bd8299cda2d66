"""Notice pages that hold what an earlier page held: all of it, or some records by their keys."""

from __future__ import annotations

from collections.abc import Sequence

import orjson
import polars as pl

from tasks.core.errors import SourceError
from tasks.core.keys import digest_bytes
from tasks.ingest.fetching import Page
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.json_text import MISSING
from tasks.ingest.parts import Part, to_json

_FIRST_CHECK_ROWS = 2_000


class Repeats:
    """Remembers the pages of a walk.

    Args:
        source: its declaration.
    """

    def __init__(self, source: HttpConfig) -> None:
        self._source = source
        self._has_keys = bool(source.key) and source.repeated_keys == "refuse"
        self._contents: set[str] = set()
        self._keys: list[pl.Series] = []
        self._names: list[str] = []
        self._waiting = 0
        self._next_check_rows = _FIRST_CHECK_ROWS

    def check(self, page: Page, parts: Sequence[pl.Series], count: int, held: int) -> None:
        """Take note of a page.

        Args:
            page: the page.
            parts: hashes of its records' keys, as `key_hashes` makes them.
            count: its records.
            held: those of them that are held back, whose keys are not known.

        Raises:
            SourceError: it holds what an earlier page held.
        """
        if not self._has_keys or held:
            self._check_content(page, count)
        if self._has_keys:
            self._keys.append(pl.concat(parts).unique() if parts else pl.Series(dtype=pl.UInt64))
            self._names.append(page.shown)
            self._waiting += len(self._keys[-1])
            if self._waiting >= self._next_check_rows:
                self.finish()
                self._next_check_rows = 2 * self._waiting

    def key_hashes(self, part: Part) -> pl.Series | None:
        """Hashes of the keys of a part's records; None where they are not compared."""
        if not self._has_keys:
            return None
        keys = part.rows.select(self._source.key).drop_nulls()
        return keys.hash_rows()

    def finish(self) -> None:
        """Hold that no record so far was on two pages.

        Raises:
            SourceError: one was.
        """
        if len(self._keys) < 2:
            return
        hashes = pl.concat(self._keys)
        if hashes.n_unique() == len(hashes):
            return
        twice = hashes.filter(hashes.is_duplicated())
        names = [
            name
            for name, keys in zip(self._names, self._keys, strict=True)
            if keys.is_in(twice.implode()).any()
        ]
        raise SourceError(
            f"each record, by its key {', '.join(self._source.key)}, on one page",
            found=f"a record that is also on {names[0]}",
            where=names[1],
            do="Nothing of it was taken: where pages overlap, others may have been passed over. "
            "Run again; have the API sort by something that does not change. If it gives several "
            "versions of a record, set repeated_keys: keep.",
        )

    def _check_content(self, page: Page, count: int) -> None:
        if not count or (count == 1 and not self._source.key):
            return
        content = page.body.digest or _digest(page, self._source.records)
        if content in self._contents:
            raise SourceError(
                "other records on each page",
                found="those of an earlier page",
                where=page.shown,
                do="Nothing of it was taken. Check the source's pagination, or tell who runs the "
                "API.",
            )
        self._contents.add(content)


def _digest(page: Page, pointer: str) -> str:
    records = page.at(pointer)
    assert records is not MISSING
    try:
        content = orjson.dumps(records, default=float, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # whole numbers of more than 64 bits, half characters
        content = to_json(records).encode("utf-8", "backslashreplace")
    return digest_bytes(content)
