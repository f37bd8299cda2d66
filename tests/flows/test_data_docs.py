"""Great Expectations' Data Docs on request: no raw value, nothing fetched."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from flows.data_docs import write
from tasks.core.errors import DataError
from tests.flows.conftest import NIGHT, Shop

_FETCHING = re.compile(
    r"<(?:script|link|img|iframe|source)\b[^>]*(?:https?:)?//|url\(\s*[\"']?(?:https?:)?//", re.I
)


def test_the_pages_fetch_nothing_and_show_no_value(shop: Shop, tmp_path: Path) -> None:
    drop = shop.drop(NIGHT)
    drop.write_text(drop.read_text().replace(",United Kingdom", ",Canaryland-4711", 1))
    shop.run()
    write(str(shop.file), NIGHT, tmp_path / "docs")
    pages = list((tmp_path / "docs").rglob("*.html"))
    assert len(pages) >= 7
    whole = "".join(page.read_text() for page in pages)
    assert "expect_column_values_to_not_be_null" in whole or "must not be null" in whole
    assert not _FETCHING.findall(whole)
    assert "Canaryland-4711" not in whole
    for sheet in (tmp_path / "docs").rglob("*.css"):
        assert not _FETCHING.findall(sheet.read_text())


def test_a_date_that_was_never_landed_says_what_to_do(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="lamplighter run retail --date 2010-02-24"):
        write(str(shop.file), dt.date(2010, 2, 24), tmp_path / "docs")
