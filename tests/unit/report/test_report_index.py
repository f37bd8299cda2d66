from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tasks.core.artifacts import Report
from tasks.core.commit import commit
from tasks.core.intervals import wilson
from tasks.report import task, trends
from tasks.report.page import index_page
from tasks.report.records import NightTables
from tasks.report.worth import Share, Worth, see_worth
from tests.unit.report import nights

DAYS = ("2010-07-04", "2010-07-05", "2010-07-06")


def publish_nights(store) -> list[NightTables]:
    found = []
    for day in DAYS:
        with nights.open_night(store, day=day) as run:
            task.publish(run, nights.night(run, broken=0 if day == DAYS[1] else 1))
            task.publish_run(run, nights.run_record(day))
            record = commit(run, {})
        tables = {
            name: record.find(Report, f"reports/retail/{name}/batch_date={day}/night.parquet")
            for name in ("runs", "alerts", "data_quality")
        }
        found.append(NightTables(day, **tables))
    return found


def test_the_index_tells_the_nights_and_leads_to_their_pages(store) -> None:
    tables = publish_nights(store)
    with nights.open_night(store, day="index") as run:
        ref = task.publish_index(run, tables[::-1])
        page = run.read_bytes(ref).decode()
        assert page == run.read_bytes(task.publish_index(run, tables)).decode()
        commit(run, {})
    assert "120 alerts in 3 nights, 1 of them without a remark" in page
    assert "the last, Tuesday 6 July 2010, has 40 alerts." in page
    assert page.index("Tuesday 6 July") < page.index("Sunday 4 July")
    folder = store.path(ref.uri).parent
    for day in DAYS:
        link = f"report/batch_date={day}/report.html"
        assert f'href="{link}"' in page
        assert (folder / link).is_file()
    assert page.count('class="marks"') == 4


def judged(known: int, hits: int, alerts: int) -> pl.DataFrame:
    row = {
        "status": "realised" if known else "estimated",
        "known_alerts": alerts if known else 0,
        "positives": 10 if known else 0,
        "precision": hits / alerts if known else None,
        "recall": hits / 10 if known else None,
    }
    ends = {"": 0.2, "_low": 0.1, "_high": 0.3}
    expected = {f"expected_{n}{e}": v for n in ("precision", "recall") for e, v in ends.items()}
    return pl.DataFrame([row | expected], infer_schema_length=None)


def checks(rows: list[tuple[bool, bool, float | None]]) -> pl.DataFrame:
    """Checks: whether each held, whether it holds rows back, and the percentage of them."""
    schema = {"success": pl.Boolean, "blocking": pl.Boolean, "unexpected_percent": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


@pytest.mark.parametrize(
    ("rows", "broken", "is_calm"),
    [
        ([(True, True, None)], 0, True),
        ([(False, True, 0.3), (False, True, 2.0)], 2, True),  # they did their work
        ([(False, True, 2.1)], 1, False),
        ([(False, True, None)], 1, False),
        ([(False, False, 0.3)], 1, False),  # the rows are among the scored
    ],
)
def test_checks_that_held_a_few_rows_back_leave_a_night_calm(
    rows: list[tuple[bool, bool, float | None]], broken: int, is_calm: bool
) -> None:
    nothing = pl.DataFrame({"probability": [0.5]})
    line = trends.see_line(DAYS[0], pl.DataFrame([run_row()]), nothing, checks(rows))
    assert (line.broken, line.is_calm) == (broken, is_calm)


def test_a_night_of_another_model_is_marked() -> None:
    lines = [replace(line, model_version=v) for line, v in zip(nights.lines(), "aab", strict=False)]
    assert [line.is_new_model for line in trends.in_a_row(lines[:3])] == [False, False, True]
    assert "b, new" in index_page("retail", trends.in_a_row(lines[:3])).decode()


def test_what_nights_were_worth_stands_beside_what_was_expected_and_marked_so(store) -> None:
    line = trends.see_line(
        DAYS[0],
        pl.DataFrame([run_row()]),
        pl.DataFrame({"probability": [0.5]}),
        checks([(True, True, None)]),
        pl.DataFrame({"kind": ["feature"] * 4 + ["score"], "verdict": ["strong", *"abcd"]}),
        judged(900, 8, 40),
    )
    assert line.precision.realised == Share(0.2, *wilson(0.2, 40))
    assert line.recall.realised == Share(0.8, *wilson(0.8, 10))
    assert line.drifted == 0.25
    later = replace(
        line,
        batch_date=DAYS[1],
        precision=see_worth(judged(0, 0, 40).row(0, named=True), "precision"),
    )
    assert later.precision == Worth(None, Share(0.2, 0.1, 0.3))
    page = index_page("retail", [line, later]).decode()
    assert "estimate, 10.0% to 30.0%" in page
    assert "expected, before labels" in page
    assert page.count('role="img"') == 7
    alone = index_page("retail", [replace(line, batch_date=day, precision=Worth()) for day in DAYS])
    assert "trend-precision" not in alone.decode()


def run_row() -> dict[str, object]:
    names = ("rows_in", "rows_quarantined", "rows_scored", "alerts")
    told = ("score_source", "model_version", "reason")
    return {**dict.fromkeys(names, 40), **dict.fromkeys(told, "champion"), "warnings": []}


def test_one_night_has_no_trend_yet(store) -> None:
    (first, *_) = publish_nights(store)
    with nights.open_night(store, day="index") as run:
        page = run.read_bytes(task.publish_index(run, [first])).decode()
    assert 'class="marks"' not in page
    assert "40 alerts in 1 night" in page


def test_no_night_is_said(store) -> None:
    with nights.open_night(store, day="index") as run:
        page = run.read_bytes(task.publish_index(run, [])).decode()
    assert "No night has been published yet." in page
