from __future__ import annotations

from tasks.core.artifacts import Report
from tasks.core.commit import commit
from tasks.report import task
from tasks.report.records import NightTables
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
