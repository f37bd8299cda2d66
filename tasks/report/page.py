"""The pages: one self-contained HTML file each, the same bytes for the same input."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import polars as pl
from markupsafe import Markup, escape

from tasks.core.treatments import step_of
from tasks.models.records import Metric
from tasks.report import (
    curves,
    night_view,
    pictures,
    treatments,
    trends,
    value_curves,
    view,
    words,
)
from tasks.report.class_table import class_tables
from tasks.report.confusion import confusions
from tasks.report.records import Incident, NightReport, TrainingReport

_REASONS_SHOWN = 3
_ALERTS_OPEN = 10
_TEST = "test"


def night_page(seen: night_view.NightView) -> bytes:
    """The page of a night."""
    night = seen.night
    drawings = curves.draw_curves(night.curves, _TEST, curves.parts(night.metrics, _TEST))
    drawings += value_curves.draw_values(night.curves, _TEST)
    spread = pictures.draw_spread(seen.spread, night.training_scores, seen.of_values)
    return _render(
        "night.html",
        provenance=night.provenance,
        seen=seen,
        key=night.event.key,
        reasons_shown=_REASONS_SHOWN,
        alerts_open=_ALERTS_OPEN,
        strongest=view.strongest_contribution(seen.alerts),
        ledger=view.see_ledger(night.ledger),
        treated=night.treated,
        metrics=view.see_metrics(night.metrics),
        confusions=[*confusions(night.metrics, _TEST)],
        classes=[*class_tables(night.metrics, night.curves, _TEST)],
        pictures=[*([spread] if spread else []), *drawings],
        **_features(night),
    )


def with_changes(night: bytes, compared: pl.DataFrame) -> bytes:
    """A night's page with the section on what changed since the night before, at its mark.

    Args:
        night: the page, with or without such a section.
        compared: the public changes table.
    """
    section = _render("changes.html", measures=view.see_changes(compared))
    return _at_mark(night, b"changes", section)


def with_afterwards(content: bytes, sentences: Sequence[str]) -> bytes:
    """A night's or training's page that says what could not be done after it, at its mark."""
    return _at_mark(content, b"afterwards", _render("afterwards.html", sentences=sentences))


def _at_mark(content: bytes, mark: bytes, section: bytes) -> bytes:
    """A page with a section in the place of what stands between a pair of marks."""
    begin, end = b"<!-- %s -->" % mark, b"<!-- /%s -->" % mark
    head, _, rest = content.partition(begin)
    _, _, tail = rest.partition(end)
    return head + begin + b"\n" + section + end + tail


def training_page(report: TrainingReport) -> bytes:
    """The page of a training."""
    trained = report.trained
    measured = curves.parts(trained.metrics, _TEST)
    of_values = any(part.mean is not None for part in trained.parts)
    stop = "variance explained" if of_values else "average precision"
    return _render(
        "training.html",
        provenance=report.provenance,
        report=report,
        of_values=of_values,
        verdict=_training_verdict(report),
        warnings=_training_warnings(report),
        ledger=view.see_ledger(report.ledger),
        treated=report.treated,
        metrics=view.see_metrics(trained.metrics),
        confusions=[*confusions(trained.metrics, _TEST)],
        classes=[*class_tables(trained.metrics, trained.curves, _TEST)],
        pictures=[
            *pictures.draw_learning(trained.history, stop),
            *curves.draw_curves(trained.curves, _TEST, measured),
            *value_curves.draw_values(trained.curves, _TEST),
        ],
        **_features(report),
    )


def incident_page(incident: Incident, expectations: tuple[view.Row, ...]) -> bytes:
    """The page of a night that was stopped."""
    return _render(
        "incident.html",
        provenance=incident.provenance,
        incident=incident,
        expectations=expectations,
        ledger=view.see_ledger(incident.ledger),
    )


def index_page(pipeline: str, lines: Sequence[trends.NightLine]) -> bytes:
    """The page over all nights.

    Args:
        pipeline: the pipeline.
        lines: the nights, in the order of their dates.
    """
    return _render(
        "index.html",
        pipeline=pipeline,
        lines=lines,
        verdict=trends.verdict(lines),
        pictures=pictures.draw_trends(lines),
    )


def _features(report: NightReport | TrainingReport) -> Mapping[str, Any]:
    features = view.see_features(report.selection, report.config.features_shown)
    return {"selection": report.selection, "features": features, "proof": report.proof}


def _training_verdict(report: TrainingReport) -> str:
    trained = report.trained
    kept = len(report.selection.features)
    found = view.find_metric(trained.metrics, "average_precision")
    base = view.find_metric(trained.metrics, "base_rate")
    features = f"{kept} of {words.count(len(report.selection.verdicts), 'feature')} kept"
    error = view.find_metric(trained.metrics, "rmse")
    if error is not None:
        return f"Model {trained.version}: {_value_verdict(trained.metrics, error)}; {features}."
    if found is None:
        return f"Model {trained.version} trained; {features}; not measured."
    chance = f" where chance has {words.number(base.value)}" if base else ""
    measured = f"average precision {words.number(found.value)}{chance}"
    return f"Model {trained.version}: {measured}; {features}."


def _value_verdict(metrics: Sequence[Metric], error: Metric) -> str:
    """How far predictions miss, and whether intervals keep their word."""
    explained = view.find_metric(metrics, "r2")
    held = view.find_metric(metrics, "interval_coverage")
    told = f"predictions miss by {words.number(error.value)} (RMSE)"
    if explained:
        told += f", explaining {words.share(explained.value)} of the variance"
    return told + (f"; intervals hold {words.share(held.value)} of true values" if held else "")


def _training_warnings(report: TrainingReport) -> tuple[str, ...]:
    failure = report.trained.failure
    told = (f"There is no deep model in this bundle: {failure}",) if failure else ()
    return (*told, *report.warnings)


def _render(template: str, **context: Any) -> bytes:
    return _environment().get_template(template).render(**context).encode()


def _breakable(identifier: str) -> Markup:
    """A feature's name as words, which a narrow screen may break after a dot or a plus."""
    return Markup(str(escape(words.name(identifier))).replace(".", ".<wbr>").replace("+", "+<wbr>"))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tasks.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    told = (
        "number",
        "signed",
        "share",
        "day",
        "moment",
        "name",
        "place",
        "expectation",
        "model",
        "measure",
        "scorer",
    )
    environment.filters.update({each: getattr(words, each) for each in told})
    environment.filters["drawing"] = Markup
    environment.filters["breakable"] = _breakable
    environment.filters["step"] = step_of
    environment.filters.update(method=treatments.method, learned=treatments.learned)
    environment.globals["count"] = words.count
    return environment
