"""Nights that are missing: which they are, how often they are asked for, and who is told."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from flows import notices, status
from flows.pipeline import SHIPPED, Pipeline, environment, load
from flows.service import catching_up
from flows.service.catching_up import catch_up
from flows.service.identity import establish
from flows.service.missing import due_nights, missing_nights, note_scheduled
from flows.service.places import Places
from tasks.core.commit import commit, open_run
from tasks.core.retention import RetentionConfig
from tasks.labels.config import NoLabel

HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
MONDAY = dt.date(2010, 3, 1)
DUE = dt.datetime(2010, 3, 2, 3, 30, tzinfo=dt.UTC)  # the night of that Monday
EVERYBODY, ALSO = {"to": "${OPS}"}, {"to": "${MAIL}", "on": ["missing"]}


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A pipeline of all days but Saturdays, on schedule since Monday noon."""
    file = tmp_path / "retail.yaml"
    watched = json.dumps({"notify": [EVERYBODY, ALSO]})
    file.write_text((SHIPPED / "retail.yaml").read_text() + f"\nmonitoring: {watched}\n")
    establish(Places(tmp_path), "shop")
    note_scheduled(Places(tmp_path), ["retail"], DUE - 15 * HOUR)
    return load(str(file))


def _publish(pipeline: Pipeline, day: dt.date) -> None:
    with open_run(pipeline.store, "retail", str(day), "1") as run:
        commit(run, {"kind": "night"})


def test_a_night_is_missing_from_an_hour_after_it_was_due_until_it_is_published(
    pipeline: Pipeline,
) -> None:
    assert missing_nights(pipeline, DUE + 0.9 * HOUR) == {}
    assert missing_nights(pipeline, DUE + HOUR) == {MONDAY: HOUR}
    _publish(pipeline, MONDAY)
    assert missing_nights(pipeline, DUE + HOUR) == {}


def test_nights_in_the_middle_are_missing_as_well_and_closed_ones_never(pipeline: Pipeline) -> None:
    for day in (MONDAY, MONDAY + 4 * DAY):
        _publish(pipeline, day)
    found = missing_nights(pipeline, DUE + 6 * DAY + HOUR)
    assert list(found) == [MONDAY + n * DAY for n in (1, 2, 3, 6)], "Saturday is closed"
    assert min(missing_nights(pipeline, DUE + 40 * DAY)) == MONDAY + 10 * DAY


def test_nights_that_have_aged_are_not_asked_for_again(pipeline: Pipeline) -> None:
    for day, was in ((MONDAY, "night"), (MONDAY + DAY, "landing")):
        with open_run(pipeline.store, "retail", str(day), "1") as run:
            commit(run, {"kind": "landing", "was": was})
    assert list(missing_nights(pipeline, DUE + 2 * DAY + HOUR)) == [MONDAY + DAY, MONDAY + 2 * DAY]
    aging = pipeline.config.model_copy(
        update={"retention": RetentionConfig(keep=dt.timedelta(days=2)), "label": NoLabel()}
    )
    aged = Pipeline(aging, pipeline.file, pipeline.folder, {}, {})
    assert list(missing_nights(aged, DUE + 4 * DAY + HOUR)) == [MONDAY + n * DAY for n in (3, 4)]


def test_what_fell_due_before_the_schedule_was_made_is_owed_by_nobody(pipeline: Pipeline) -> None:
    places = Places(pipeline.folder)
    note_scheduled(places, ["retail"], DUE + DAY)
    assert MONDAY in missing_nights(pipeline, DUE + HOUR), "what is known stays"
    note_scheduled(places, [], DUE + DAY)
    assert missing_nights(pipeline, DUE + HOUR) == {}
    note_scheduled(places, ["retail"], DUE + DAY)
    assert list(missing_nights(pipeline, DUE + 2 * DAY + HOUR)) == [MONDAY + 2 * DAY]


def test_only_dates_that_the_schedule_asks_for_are_due(pipeline: Pipeline) -> None:
    weekly = pipeline.config.model_copy(update={"schedule": "0 6 * * 2"})  # Tuesdays
    due = due_nights(Pipeline(weekly, pipeline.file, pipeline.folder, {}, {}), DUE, DUE + 15 * DAY)
    assert list(due) == [MONDAY, MONDAY + 7 * DAY, MONDAY + 14 * DAY]


class _Server:
    """Answers as a Prefect server would that has one deployment."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self.runs: dict[str, SimpleNamespace] = {}
        self.going: list[object] = []
        self.active = True

    def read_deployment_by_name(self, name: str) -> SimpleNamespace:
        assert name == "nightly/retail@shop"
        schedule = SimpleNamespace(active=self.active)
        return SimpleNamespace(id=uuid4(), parameters={"pipeline": "p"}, schedules=[schedule])

    def read_flow_runs(self, **_: object) -> list[object]:
        return self.going

    def create_flow_run_from_deployment(self, _: UUID, idempotency_key: str, **__: Any) -> Any:
        run = SimpleNamespace(name=f"run {len(self.runs)}", created=self.now)
        return self.runs.setdefault(idempotency_key, run)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> _Server:
    server = _Server(DUE)

    @contextmanager
    def client(**_: object) -> Iterator[_Server]:
        yield server

    monkeypatch.setattr(catching_up, "get_client", client)
    monkeypatch.setattr("flows.clock.now", lambda: server.now)
    return server


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Who was sent what; the mail server is down at first."""
    sent: list[tuple[str, str]] = []

    def send(_: Pipeline, to: str, notice: notices.Notice) -> str:
        sent.append((to, f"{notice.title}: {notice.reason}"))
        return "it was not accepted" if to == "MAIL" and len(sent) < 3 else ""

    monkeypatch.setattr(notices, "_send", send)
    return sent


def _look(pipeline: Pipeline, server: _Server, at: dt.datetime) -> list[str]:
    server.now = at
    found = establish(Places(pipeline.folder))
    return list(catch_up([Path(pipeline.file.path)], found))


def test_a_night_that_stays_missing_is_asked_for_thrice_and_told_once_to_each(
    pipeline: Pipeline, server: _Server, sent: list[tuple[str, str]]
) -> None:
    for number in range(1, 4):
        for minutes in (0, 10):
            _look(pipeline, server, DUE + number * HOUR + dt.timedelta(minutes=minutes))
    assert list(server.runs) == [f"catch-up-retail@shop-{MONDAY}-{n}" for n in (1, 2, 3)]
    assert sent == [], "there is hope"
    for hours in (4, 4.2, 5, 6, 20):
        said = _look(pipeline, server, DUE + hours * HOUR)
    assert [to for to, _ in sent] == ["OPS", "MAIL", "MAIL"], "the second time it was delivered"
    assert sent[0][1].startswith("retail: 1 night is missing")
    assert f"lamplighter backfill retail {MONDAY} {MONDAY}" in sent[0][1]
    assert said == []
    assert len(server.runs) == 3


def test_after_an_outage_each_night_is_asked_for_once_and_told_together(
    pipeline: Pipeline, server: _Server, sent: list[tuple[str, str]]
) -> None:
    back = DUE + 2 * DAY + 5 * HOUR
    assert len(_look(pipeline, server, back)) == 3
    server.going = [object()]
    assert _look(pipeline, server, back + 0.5 * HOUR) == []
    server.going = []
    _publish(pipeline, MONDAY + DAY)
    _look(pipeline, server, back + HOUR)
    assert [to for to, _ in sent] == ["OPS", "MAIL"]
    assert "2 nights are missing" in sent[0][1]
    assert str(MONDAY + DAY) not in sent[0][1]
    assert len(server.runs) == 3


def test_a_schedule_that_is_paused_is_left_alone(
    pipeline: Pipeline, server: _Server, sent: list[tuple[str, str]]
) -> None:
    server.active = False
    assert _look(pipeline, server, DUE + 20 * HOUR) == []
    assert not server.runs
    assert not sent


def test_the_status_tells_what_is_missing(pipeline: Pipeline, server: _Server) -> None:
    server.now = DUE + 5.5 * HOUR
    found = status.describe(pipeline)
    assert found["missing"] == {str(MONDAY): 5}
    assert ("missing", f"{MONDAY}, due 5 hours ago") in list(status._lines(found))
    with environment({"OPS": "json://127.0.0.1:1", "MAIL": "json://127.0.0.1:1"}):
        assert status.describe(load(str(pipeline.file.path)))["nobody_told"] == []
