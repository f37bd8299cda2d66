from __future__ import annotations

import html.parser
import json
import re
from dataclasses import replace

import polars as pl
import pytest

from tasks.core.event import EventConfig
from tasks.core.results import LedgerLine, Passed, Scored, Selection
from tasks.models.base import History
from tasks.models.records import Curve
from tasks.report import night_view, summary, tables, task
from tasks.report.config import ReportConfig
from tasks.report.confusion import confusions
from tests.unit.report import nights

HOSTILE = "<script>alert(1)</script>|*x*"


class Outline(html.parser.HTMLParser):
    """Collects a page's elements, ids, and everything that could make it load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.ids: list[str] = []
        self.loads: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append(tag)
        given = dict(attrs)
        if "id" in given:
            self.ids.append(given["id"])
        for name in ("src", "href", "xlink:href", "action", "srcset", "poster"):
            target = given.get(name) or ""
            if target and not target.startswith(("#", "data:,")):
                self.loads.append(target)


def publish_page(store, **changes) -> str:
    with nights.open_night(store) as run:
        return run.read_bytes(task.publish(run, nights.night(run, **changes))).decode()


def test_the_verdict_comes_first(store) -> None:
    page = publish_page(store)
    said = re.sub(r"<[^>]+>", "", re.search(r"<h1>(.*?)</h1>", page, re.S)[1])
    assert said == (
        "40 alerts from 1,512 events, 29.9 of them expected to be right; "
        "1 of 8 checks did not hold; the champion scored."
    )


def test_a_calm_night_is_fit_to_use(store) -> None:
    page = publish_page(store, broken=0)
    assert "every check held; the champion scored." in page
    assert "Fit to use" in page


def test_a_degraded_night_says_so_before_its_figures(store) -> None:
    with nights.open_night(store) as run:
        night = nights.night(run)
        passed = Passed("champion", "9a", "model", "failed", "it gave NaN")
        scored = Scored(night.scored.table, (), "fallback", "9a", "fallback", (passed,))
        page = run.read_bytes(task.publish(run, replace(night, scored=scored))).decode()
    assert "the fallback model scored" in page
    assert page.index("champion 9a: it gave NaN") < page.index("Key figures")


def test_what_is_expected_of_a_rule_says_what_of_it_is_left_out(store) -> None:
    assert "Expected of this rule: precision 31.0%" in publish_page(store)
    with nights.open_night(store) as run:
        night = nights.night(run)
        scored = replace(night.scored, not_expected="what it adds for novelty")
        page = run.read_bytes(task.publish(run, replace(night, scored=scored))).decode()
    assert "Expected of this rule without what it adds for novelty: precision 31.0%" in page


@pytest.mark.parametrize("kind", ["night", "training", "incident"])
def test_a_page_loads_nothing_and_names_everything_once(store, kind) -> None:
    with nights.open_night(store) as run:
        ref = {
            "night": lambda: task.publish(run, nights.night(run)),
            "training": lambda: task.publish_training(run, nights.training()),
            "incident": lambda: task.publish_incident(run, nights.incident()),
        }[kind]()
        outline = Outline(run.read_bytes(ref).decode())
    assert outline.loads == []
    assert not {"script", "iframe", "object", "embed", "form", "img"} & set(outline.elements)
    assert len(outline.ids) == len(set(outline.ids))
    assert {"header", "main", "footer", "h1"} <= set(outline.elements)
    assert outline.elements.count("h1") == 1


def test_what_a_source_wrote_stays_text(store) -> None:
    scored = nights.scores_frame().with_columns(InvoiceNo=pl.lit(HOSTILE))
    page = publish_page(store, scored=scored, rule=HOSTILE, warnings=(HOSTILE,))
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_only_key_columns_of_an_event_are_shown(store) -> None:
    scored = nights.scores_frame().with_columns(CustomerID=pl.lit(987654321))
    page = publish_page(store, scored=scored)
    assert "987654321" not in page
    assert "CustomerID" not in page


def test_events_without_a_time_or_entities_are_told_by_their_key(store) -> None:
    scored = nights.scores_frame().with_columns(event_time=pl.lit(None, pl.Datetime("us")))
    event = EventConfig(table="connections", key=("line",))
    page = publish_page(store, scored=scored, event=event)
    assert "<dt>line</dt><dd>1</dd>" in page
    assert "StockCode</dt>" not in page
    assert 'class="when"' not in page


def test_many_warnings_are_counted_rather_than_listed(store) -> None:
    page = publish_page(store, warnings=tuple(f"History lacks day {n}." for n in range(30)))
    assert "History lacks day 4." in page
    assert "History lacks day 5." not in page
    assert "And 25 more" in page


def test_checks_that_held_are_folded_away(store) -> None:
    page = publish_page(store)
    assert page.index("column values to match regex") < page.index("7 checks held")
    assert "<summary>7 checks held</summary>" in page


def test_precision_is_scaled_to_what_it_reaches(store) -> None:
    low = Curve("tabm", "test", "precision_recall", (0.001, 0.1, 0.5, 1.0), (1.0, 0.08, 0.05, 0.02))
    assert ">0.08<" in publish_page(store, curves=(low,))


def test_a_ledger_line_that_is_off_is_marked(store) -> None:
    page = publish_page(store, ledger=(LedgerLine("validate", "lines", 10, 7, quarantined=1),))
    assert "off by 2" in page


def test_a_page_is_whole_without_a_model_s_measures(store) -> None:
    page = publish_page(store, metrics=(), curves=(), training_scores=None, usual={})
    assert "Precision and recall" not in page
    assert "Probabilities" in page


def test_a_page_is_whole_without_candidates(store) -> None:
    page = publish_page(store, selection=Selection("none", ()))
    assert "0 of 0 candidates kept" in page


def test_pictures_take_their_colours_from_the_page(store) -> None:
    page = publish_page(store)
    drawings = re.findall(r"<svg[^>]*class=\"marks\".*?</svg>", page, re.S)
    assert len(drawings) == 5
    for drawing in drawings:
        assert not re.search(r'(fill|stroke)="(#|rgb)', drawing)
        assert "var(--" in drawing


def test_pictures_have_a_name_and_tell_models_apart_without_colour(store) -> None:
    page = publish_page(store)
    drawings = re.findall(r"<svg[^>]*class=\"marks\".*?</svg>", page, re.S)
    assert [re.search(r'role="img" aria-label="([^"]+)"', each)[1] for each in drawings] == [
        "Probabilities",
        "Precision and recall",
        "ROC",
        "Gains",
        "Calibration",
    ]
    assert all("stroke-dasharray=" in each for each in drawings[1:4])
    points = re.search(r'class="mark-symbol .*?</g>', drawings[4], re.S)[0]
    assert len(set(re.findall(r' d="([^"]+)"', points))) == 2, "a shape for each model"


def test_the_counts_of_decisions_add_up_to_the_rows_they_were_measured_on(store) -> None:
    for each in confusions(nights.metrics(), "test"):
        assert each.rows == 20412
        assert each.found + each.missed == round(0.021 * 20412)
    page = publish_page(store)
    assert "the 40 highest scores a day" in page
    assert "<caption>" in page


def test_a_decision_that_called_nothing_has_no_counts() -> None:
    silent = [replace(m, value=0.0) if "precision" in m.metric else m for m in nights.metrics()]
    assert not [*confusions(silent, "test")]
    assert not [*confusions(nights.metrics(), "fold_1")]


def test_alerts_behind_the_first_ten_are_folded_away(store) -> None:
    page = publish_page(store)
    assert page.count('<span class="unseen">Rank </span>') == 20
    assert "<summary>10 more alerts</summary>" in page
    assert 'class="beyond">above usual' in page


def test_an_incident_says_what_where_and_what_to_do(store) -> None:
    with nights.open_night(store) as run:
        night = nights.night(run)
        ref = task.publish_incident(run, nights.incident(night.quality))
        page = run.read_bytes(ref).decode()
        facts = next(each for each in run.written() if each.uri.endswith("incident.json"))
        told = json.loads(run.read_bytes(facts))
    assert ref.uri == "incidents/retail/batch_date=2010-07-05/incident.html"
    for text in (
        "stopped at validate",
        "would be held back (14.0%)",
        "Mend the source",
        "match regex",
    ):
        assert text in page
    assert told["found"].startswith("lines: 212 of 1,514 rows")
    assert len(told["quality"]) == 8
    assert told["ledger"][-1]["rejected"] == {"the gate closed": 1516}


def test_an_incident_may_be_published_beside_the_run_it_stopped(store) -> None:
    with nights.open_night(store) as stopped:
        quality = nights.night(stopped).quality
        with nights.open_night(store, day="incident-2010-07-05", attempt="two") as run:
            page = run.read_bytes(task.publish_incident(run, nights.incident(quality), stopped))
    assert b"match regex" in page


def test_a_training_shows_how_it_went(store) -> None:
    with nights.open_night(store) as run:
        page = run.read_bytes(task.publish_training(run, nights.training())).decode()
    assert "average precision 0.412 where chance has 0.021; 8 of 10 features kept." in page
    assert "epoch 12, which was kept" in page
    assert "six epochs without improvement" in page.lower()


def test_a_training_whose_deep_model_failed_says_so(store) -> None:
    report = nights.training()
    failed = replace(report.trained, failure="the loss was NaN", history=History((), 0, ""))
    with nights.open_night(store) as run:
        ref = task.publish_training(run, replace(report, trained=failed))
        assert "no deep model in this bundle: the loss was NaN" in run.read_bytes(ref).decode()


def test_the_summary_holds_the_essentials_and_no_markup_of_a_source(store) -> None:
    with nights.open_night(store) as run:
        scored = nights.scores_frame().with_columns(InvoiceNo=pl.lit(HOSTILE))
        night = nights.night(run, scored=scored)
        seen = _see(run, night)
    told = summary.markdown(seen)
    assert told.startswith("# Monday 5 July 2010\n\n**40 alerts from 1,512 events")
    assert "<script" not in told.replace("\\<", "")
    assert "| validate | lines | 1,516 | 1,514 | 2 | 0 | yes |" in told
    for line in told.splitlines():
        if line.startswith("| 1 |"):
            assert line.replace("\\|", "").count("|") == 7
    assert summary.figure_rows(seen)[0] == ("Alerts", "40", "at most 40 alerts a day")


def _see(run, night) -> night_view.NightView:
    scored, made = run.scan(night.scored.table), night.provenance
    quality = tables.data_quality(run.scan(night.quality), made)
    return night_view.see_night(night, scored, tables.alerts(scored, night), quality)


def test_drift_is_told_with_the_score_whatever_its_place(store) -> None:
    page = publish_page(store, config=ReportConfig(drifts_shown=2))
    section = page[page.index('id="drift"') : page.index('id="model"')]
    assert "2 of 3 features drifted, 1 of them strongly; the score is stable." in section
    assert "the table has all 4" in section
    assert "weekday" not in section
    assert section.index(">quantity<") < section.index(">unit price<") < section.index(">score<")


def test_a_night_without_drift_has_no_such_section(store) -> None:
    assert 'id="drift"' not in publish_page(store, drift=None)


def test_what_changed_is_told_on_the_page_of_a_night_once(store) -> None:
    with nights.open_night(store) as run:
        before = run.read_bytes(task.publish(run, nights.night(run))).decode()
        uri = "reports/retail/report/batch_date=2010-07-05/report.html"
        for _ in range(2):
            task.publish_changes(run, nights.changes_frame(), nights.provenance())
        ref = next(ref for ref in run.written() if ref.uri == uri)
        page = run.read_bytes(ref).decode()
    assert "What changed since last night" not in before
    assert page.count("What changed since last night") == 1
    section = page[page.index('id="changes"') : page.index('id="quality"')]
    assert "40 after 40: what moved it cancels out." in section
    assert "Friday 2 July 2010" in section
    assert "+17.00" in section
    assert "together" not in section
