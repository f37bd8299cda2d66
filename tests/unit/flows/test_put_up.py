"""What a run leaves in the Prefect UI, without a server: keys, texts, pictures."""

from __future__ import annotations

import base64
import datetime as dt
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import httpx
import pytest
from prefect.client.schemas.actions import ArtifactCreate

from flows import put_up
from flows.backfill import Backfill
from flows.pictures import pictures
from flows.pipeline import Pipeline, load
from flows.publishing import Night, closed_night
from tasks.core.commit import commit
from tasks.models.aliases import Aliases, Move
from tasks.report.page import training_page
from tasks.report.task import publish
from tests.unit.report import nights

NIGHT = Night("retail", "2010-02-21", "r", 9, 8, 1, 7, 2, "champion", "v", "", (), "report.html")


@pytest.fixture
def pipeline() -> Pipeline:
    return load("retail")


@pytest.fixture
def here(pipeline: Pipeline, tmp_path: Path) -> Pipeline:
    """The pipeline with a store of its own, in which a night is published."""
    here = Pipeline(pipeline.config, pipeline.file, tmp_path, {}, {})
    with nights.open_night(here.store) as run:
        publish(run, nights.night(run))
        commit(run, {"kind": "night"})
    return here


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the UI shows, by its key."""
    shown: dict[str, str] = {}

    def create(text: str, key: str, description: str) -> None:
        assert description
        shown[ArtifactCreate(key=key, data=text).key or ""] = text

    monkeypatch.setattr(put_up, "create_markdown_artifact", create)
    monkeypatch.setattr(put_up, "_has_ui", lambda: True)
    return shown


def test_nothing_is_left_where_there_is_no_server(pipeline: Pipeline) -> None:
    assert put_up.put_up_backfill(pipeline, Backfill((NIGHT,), ())) == ()


def test_a_backfill_leaves_a_verdict_and_a_row_for_each_night(
    pipeline: Pipeline, shown: dict[str, str]
) -> None:
    done = Backfill((NIGHT, NIGHT), (), ("The page <b>was</b> not written",))
    assert put_up.put_up_backfill(pipeline, done) == ()
    assert list(shown) == ["retail-backfill-verdict", "retail-backfill-figures"]
    verdict, figures = shown.values()
    assert verdict.startswith("**2 nights were run, 0 were published already**")
    assert r"> The page \<b\>was\</b\> not written" in verdict
    assert figures.count("| 2010-02-21 |") == 2


def test_a_page_that_was_damaged_meanwhile_undoes_nothing(
    here: Pipeline, shown: dict[str, str]
) -> None:
    (page,) = here.store.root.glob("reports/retail/report/*/report.html")
    page.write_bytes(page.read_bytes()[:-9])
    (told,) = put_up.put_up_night(here, replace(NIGHT, batch_date=nights.DAY))
    assert "does not show all of this run: a IntegrityError" in told
    assert shown == {}


def test_a_night_leaves_what_its_published_files_say_a_key_for_each_part(
    here: Pipeline, shown: dict[str, str]
) -> None:
    assert put_up.put_up_night(here, replace(NIGHT, batch_date=nights.DAY)) == ()
    parts = ("verdict", "alerts", "quality", "drift", "ledger", "pictures")
    assert list(shown) == [f"retail-night-{part}" for part in parts]
    summary = here.store.root / f"reports/retail/report/batch_date={nights.DAY}/summary.md"
    said = [text.strip() for key, text in shown.items() if not key.endswith("pictures")]
    assert "\n\n".join(said) == summary.read_text().strip()
    assert shown["retail-night-pictures"].count("data:image/svg+xml;base64,") > 1


def test_pictures_hold_all_that_they_are_drawn_with() -> None:
    text = pictures(training_page(nights.training()))
    drawn = re.findall(r"!\[([^\]]+)\]\(data:image/svg\+xml;base64,([^)]+)\)", text)
    assert {"Precision and recall", "Calibration"} <= {title for title, _ in drawn}
    for title, data in drawn:
        svg = base64.b64decode(data).decode()
        root = ElementTree.fromstring(svg)
        assert root.get("width"), title
        named = set(re.findall(r"var\((--[\w-]+)\)", svg))
        assert named <= set(re.findall(r"(--[\w-]+):", svg)), title
        assert "http" not in svg.replace("http://www.w3.org/", ""), "nothing is asked for"


def test_a_closed_day_leaves_a_verdict(pipeline: Pipeline, shown: dict[str, str]) -> None:
    put_up.put_up_night(pipeline, closed_night(pipeline, dt.date(2010, 2, 20)))
    assert shown == {"retail-night-verdict": "2010-02-20 is a closed day: nothing to run."}


def test_a_promotion_leaves_who_made_which_version_what_the_latest_first(
    pipeline: Pipeline, shown: dict[str, str]
) -> None:
    moves = (
        Move("champion", "one", "", "2010-02-01", "training", "the first model"),
        Move("champion", "two", "one", "2010-02-02", "Ann", "because|of"),
    )
    aliases = Aliases(None, None, (), None, moves)  # type: ignore[arg-type]  # moves alone
    put_up.put_up_promotion(pipeline, aliases)
    verdict, figures = shown.values()
    assert verdict == "**two is the champion: because\\|of**\n\nBy Ann, 2010-02-02"
    assert [line.split(" | ")[2] for line in figures.splitlines()[2:]] == ["two", "one"]


def test_a_name_with_underscores_makes_keys_that_the_ui_takes(
    pipeline: Pipeline, shown: dict[str, str]
) -> None:
    config = pipeline.config.model_copy(update={"name": "card_fraud"})
    named = Pipeline(config, pipeline.file, pipeline.folder, {}, {})
    put_up.put_up_backfill(named, Backfill((), ()))
    assert list(shown) == ["card-fraud-backfill-verdict"]


def test_a_server_that_takes_nothing_stops_nothing(
    pipeline: Pipeline, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise httpx.ConnectError("refused")

    monkeypatch.setattr(put_up, "create_markdown_artifact", fail)
    (told,) = put_up.put_up_backfill(pipeline, Backfill((NIGHT,), ()))
    assert told == "The Prefect UI does not show all of this run: a ConnectError"
