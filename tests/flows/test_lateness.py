"""Who was too slow is no function of the input: it is decided once for a date, and repeated."""

from __future__ import annotations

import pytest

from flows.demo.services import demo_services
from flows.nightly import nightly
from flows.options import NightOptions
from tasks.core.errors import ModelTooSlowError
from tasks.score import asking
from tests.flows.conftest import NIGHT, Shop


def test_a_date_run_again_asks_whom_it_asked_before(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = asking.within

    def slow(seconds: float | None, work: object, where: str) -> object:
        if seconds is None:
            return whole(seconds, work, where)
        raise ModelTooSlowError("scores within 1800 s", found="none by then", where=where)

    monkeypatch.setattr(asking, "within", slow)
    assert shop.run().score_source == "fallback"
    tables = shop.tables()
    monkeypatch.setattr(asking, "within", whole)  # the machine has caught up
    assert "none by then" in shop.run().degraded
    assert shop.tables() == tables
    with demo_services(str(shop.file)):
        again = nightly.fn(str(shop.file), NIGHT, NightOptions(ask_again=True))
    assert (again.score_source, again.degraded) == ("champion", "")
    # What answered once is asked, whatever was run since.
    monkeypatch.setattr(asking, "within", slow)
    assert shop.run().score_source == "fallback"
