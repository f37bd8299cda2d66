"""What the tests of preparation share: an event, a config, rows, and a fit applied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tasks.core.event import EventConfig
from tasks.core.treatments import Learned
from tasks.prepare.apply import apply
from tasks.prepare.config import PrepareConfig
from tasks.prepare.fit import fit

EVENT = EventConfig(table="lines", key=("id",), time="at", entities=("who",))
Treat = Callable[..., tuple[pl.DataFrame, Learned]]


@pytest.fixture
def event() -> EventConfig:
    return EVENT


@pytest.fixture
def treat() -> Treat:
    """Learn from rows and apply to the same rows, or to later ones."""

    def fitted(
        rows: pl.DataFrame,
        later: pl.DataFrame | None = None,
        event: EventConfig = EVENT,
        **keys: Any,
    ) -> tuple[pl.DataFrame, Learned]:
        learned = fit(rows.lazy(), PrepareConfig.model_validate(keys), event)
        return apply((rows if later is None else later).lazy(), learned, event).collect(), learned

    return fitted
