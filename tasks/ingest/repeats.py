"""Notice pages that hold what an earlier page held: all of it, or some records by their keys."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import orjson
import polars as pl

from tasks.core.errors import SourceError
from tasks.core.keys import digest_bytes
from tasks.ingest.fetching import Page
from tasks.ingest.http_config import HttpConfig
from tasks.ingest.parts import SOURCE, Part, to_json

_KEY = "_key"
_FIRST_CHECK_ROWS = 2_000
_SAME_SINGLES = 20  # pages of one equal record each, without a key: more are no coincidence


class Repeats:
    """Remembers the pages of a walk.

    Args:
        source: its declaration.
    """

    def __init__(self, source: HttpConfig) -> None:
        self._source = source
        self._has_pages = source.pagination.kind != "none"
        self._has_keys = self._has_pages and source.tells_records_by_keys
        self._contents: set[str] = set()
        self._single, self._same_singles = "", 0
        self._before: list[object] = []
        self._keys: list[pl.DataFrame] = []
        self._rows = 0
        self._next_check_rows = _FIRST_CHECK_ROWS

    def add(self, page: Page, count: int) -> bool:
        """Take note of a page, as a whole.

        Args:
            page: the page.
            count: its records.

        Returns:
            Whether it resembles an earlier page, so that the keys so far should be looked at.

        Raises:
            SourceError: it holds what an earlier page held.
        """
        if not self._has_pages or not count:
            return False
        if not self._has_keys:
            content = page.body.digest or _digest(page.at(self._source.records))
            if count > 1 or self._source.key or self._is_one_too_many(content):
                self._note(content, page.shown)
            self._check_overlap(page)
            return False
        if page.body.document is None:
            return False
        records = page.at(self._source.records)
        assert isinstance(records, Sequence)
        ends = f"{count} {_digest([records[0], records[-1]])}"
        is_known = ends in self._contents
        self._contents.add(ends)
        return is_known

    def add_keys(self, part: Part) -> None:
        """Take note of the keys of a part's records.

        Raises:
            SourceError: a record was on an earlier page too.
        """
        if not self._has_keys:
            return
        if len(part.held) > 1 and part.rows.is_empty():  # no keys to go by
            self._note(digest_bytes("\n".join(h.raw for h in part.held).encode()), part.source)
        key, rows = list(self._source.key), part.rows
        page = rows[SOURCE] if SOURCE in rows.columns else pl.lit(part.source).alias(SOURCE)
        found = pl.DataFrame({_KEY: rows.select(key).hash_rows()}).with_columns(page)
        if any(rows[name].null_count() for name in key):
            is_whole = pl.all_horizontal(pl.col(key).is_not_null())
            found = found.filter(rows.select(is_whole).to_series())
        self._keys.append(found)
        self._rows += found.height
        if self._rows >= self._next_check_rows:
            self.finish()
            self._next_check_rows = 2 * self._rows

    def finish(self) -> None:
        """Hold that no record so far was on two pages.

        Raises:
            SourceError: one was.
        """
        if not self._keys:
            return
        self._keys = [pl.concat(self._keys)]
        if self._keys[0][_KEY].n_unique() == self._rows:
            return
        found = self._keys[0].unique(maintain_order=True)
        pages = found.filter(found[_KEY].is_duplicated())[SOURCE].unique(maintain_order=True)
        if pages.is_empty():
            return
        raise _overlap(
            f"each record, by its key {', '.join(self._source.key)}, on one page",
            f"a record that is also on {pages[0]}",
            pages[1],
        )

    def _check_overlap(self, page: Page) -> None:
        """Hold that a page, where there are no keys, does not begin as the page before ends.

        Raises:
            SourceError: it does.
        """
        records = page.at(self._source.records)
        if self._source.repeated_keys == "keep" or not isinstance(records, list):
            return
        before, self._before = self._before, records
        if len(records) > 1 and any(
            before[at:] == records[: len(before) - at]
            for at in range(len(before))
            if before[at] == records[0]
        ):
            raise _overlap(
                "other records at the start of each page",
                "those that end the page before",
                page.shown,
            )

    def _is_one_too_many(self, content: str) -> bool:
        """Whether a record without a key, alone on its page, came on too many pages in a row.

        A few equal ones may be records of their own; its last one is then noted twice.
        """
        self._same_singles = self._same_singles + 1 if content == self._single else 1
        self._single = content
        return self._same_singles >= _SAME_SINGLES

    def _note(self, content: str, name: str) -> None:
        if content in self._contents:
            raise SourceError(
                "other records on each page",
                found="those of an earlier page",
                where=name,
                do="Nothing of it was taken. Check the source's pagination, or tell who runs the "
                "API.",
            )
        self._contents.add(content)


def _overlap(required: str, found: str, where: str) -> SourceError:
    return SourceError(
        required,
        found=found,
        where=where,
        do="Nothing of it was taken: where pages overlap, others may have been passed over. Run "
        "again; have the API sort by something that does not change. If it gives several versions "
        "of a record, or equal ones, set repeated_keys: keep.",
    )


def _digest(records: object) -> str:
    try:
        content = orjson.dumps(records, default=_as_float, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # whole numbers of more than 64 bits, half characters
        content = to_json(records).encode("utf-8", "backslashreplace")
    return digest_bytes(content)


def _as_float(value: object) -> float:
    if not isinstance(value, Decimal):
        raise TypeError(type(value).__name__)
    return float(value)
