"""`lamplighter init`: a first pipeline file and a first suite, from files of data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.markup import escape

from expectations.bootstrap import bootstrap
from expectations.profile import TableProfile
from flows import guesses, terminal
from flows.calendar import WEEKDAYS
from flows.placing import Place, locate, slug
from tasks.core.errors import ConfigError
from tasks.ingest.infer import Inferred, infer

_WEEK_DAYS = 7
_WITH_DELAY_FROM_DAYS = 42
_HEAD = """\
# A first pipeline, made from {rows:,} rows of {files}. Look at every line of it; what is
# marked FILL IN is no more than a guess. Then: lamplighter check {file}
"""
_LABEL = """\
# FILL IN what is to be predicted: {told}.
# Another kind of label is a later row that answers the event (lamplighter schema).
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Args:
        pipeline: the pipeline file.
        suite: the suite file.
        rows: rows it was made from.
        held: rows that fit no type.
        key: columns that name a row; empty where none do.
        time: the column with the time of the event.
        fill_in: what a person has to look at, one sentence each.
    """

    pipeline: Path
    suite: Path
    rows: int
    held: int
    key: tuple[str, ...]
    time: str | None
    fill_in: tuple[str, ...]


def run(files: Sequence[Path], name: str | None, folder: Path, as_json: bool) -> None:
    """Write a pipeline file and a suite, and say what is left to be done."""
    with terminal.progress("Looking at the files", as_json):
        written = initialise(files, name, folder)
    if as_json:
        terminal.print_json(asdict(written))
        return
    terminal.out.print(f"From {written.rows:,} rows:", soft_wrap=True)
    terminal.out.print(f"  pipeline  {written.pipeline}", soft_wrap=True)
    terminal.out.print(f"  suite     {written.suite}", soft_wrap=True)
    for sentence in written.fill_in:
        terminal.out.print(f"  [yellow]to fill in:[/] {escape(sentence)}", soft_wrap=True)
    terminal.out.print(f"Then: lamplighter check {written.pipeline}", soft_wrap=True)


def initialise(files: Sequence[Path], name: str | None, folder: Path) -> Written:
    """Make a pipeline of one table from files of it.

    Args:
        files: CSV, TSV or Parquet, one for each date or one in all, below the folder.
        name: what to call the pipeline; empty means as the table.
        folder: where the pipeline file goes.

    Raises:
        ConfigError: a file to be written is there already, or the files cannot be one table's.
    """
    files = sorted(files)
    place = locate(files, folder)
    name = slug(name or place.table)
    pipeline, suite = (
        folder / f"{name}.yaml",
        folder / "expectations" / name / f"{place.table}.yaml",
    )
    for path in (pipeline, suite):
        _refuse_to_overwrite(path)
    inferred = infer(files)
    suite_text, profile = bootstrap([frame.lazy() for frame in inferred.frames])
    answer = _label(place, profile)
    after = guesses.answering(inferred.frames, answer)
    content = _pipeline(name, place, inferred, profile, answer, after)
    head = _HEAD.format(
        rows=profile.rows, file=pipeline.name, files=f"{len(files)} file{'s'[: len(files) > 1]}"
    )
    _write(suite, suite_text)
    _write(pipeline, head + _text(content, answer.told))
    return Written(
        pipeline,
        suite,
        profile.rows,
        inferred.held,
        profile.key,
        content["event"].get("time"),
        tuple(_to_fill_in(place, content, inferred, profile, answer, after)),
    )


def _label(place: Place, table: TableProfile) -> guesses.Label:
    """What is to be predicted; with files of weeks, by what was known a while after."""
    answer, dates = guesses.label(table), place.dates
    weeks = dates and (dates[-1] - dates[0]).days >= _WITH_DELAY_FROM_DAYS
    return guesses.with_delay(answer) if weeks and guesses.time_column(table) else answer


def _pipeline(
    name: str,
    place: Place,
    inferred: Inferred,
    table: TableProfile,
    answer: guesses.Label,
    after: Sequence[str],
) -> dict[str, Any]:
    time = guesses.time_column(table)
    events = guesses.event(place.table, table, time, answer)
    closed = _closed_weekdays(place.dates)
    options = {key: value for key, value in inferred.declaration.items() if key != "schema"}
    return {
        "name": name,
        "timezone": "UTC",
        "store": "./lamplighter-store",
        **({"calendar": {"closed_weekdays": closed}} if closed else {}),
        "sources": {
            place.table: {
                "kind": "files",
                "path": place.pattern,
                **options,
                "schema": inferred.declaration["schema"],
                **({"key": [*table.key]} if table.key else {}),
            }
        },
        "expectations": {place.table: f"{name}/{place.table}.yaml"},
        "event": events,
        "label": answer.config,
        "features": guesses.features(table, events, answer, after),
        "model": {"kind": "ensemble"},
        **({} if time else {"training": {"split": {"kind": "random"}}}),
        "decision": {"kind": "budget", "per_day": _alerts_per_day(table, inferred)},
    }


def _alerts_per_day(table: TableProfile, inferred: Inferred) -> int:
    """One row of a hundred, to begin with."""
    return max(1, table.rows // len(inferred.frames) // 100)


def _closed_weekdays(dates: Sequence[dt.date]) -> list[str]:
    """The weekdays of which there is no file, where there are files of two weeks and more."""
    if not dates or (dates[-1] - dates[0]).days < 2 * _WEEK_DAYS:
        return []
    open_days = {date.weekday() for date in dates}
    return [day for i, day in enumerate(WEEKDAYS) if i not in open_days]


def _to_fill_in(
    place: Place,
    content: Mapping[str, Any],
    inferred: Inferred,
    table: TableProfile,
    answer: guesses.Label,
    after: Sequence[str],
) -> Iterator[str]:
    yield f"label: {answer.told}"
    if after:
        yield (
            f"features: {', '.join(after)} left out: by itself it tells the label, as what is "
            "written after the answer does; add it if it is known at the time of the event"
        )
    if "{date" not in place.pattern:
        yield f"path: no date in {place.pattern}: put {{date}} where each night's file has its own"
    if not table.key:
        yield "key: no columns name each row; events are named by file and line instead"
    if "time" not in content["event"]:
        yield "event.time: no column has a date and a time; features of the past need one"
    if inferred.held:
        yield f"schema: {inferred.held:,} records fit no type and would be held back"
    yield "timezone: UTC, where the data's business dates may begin elsewhere"
    yield from inferred.doubts


def _text(content: Mapping[str, Any], told: str) -> str:
    sections = []
    for key, value in content.items():
        plain = not isinstance(value, Mapping | list)
        text = yaml.safe_dump(
            {key: value},
            sort_keys=False,
            allow_unicode=True,
            width=90,
            # a mapping of single values on one line, but not the key of a section itself
            default_flow_style=False if plain else None,
        )
        sections.append((_LABEL.format(told=told) if key == "label" else "") + text)
    return "\n".join(sections)


def _refuse_to_overwrite(path: Path) -> None:
    if path.exists():
        raise ConfigError(
            "a file that is not there yet",
            found="it is there; nothing is ever overwritten",
            where=str(path),
            do="Give another --name or --folder, or move the file away.",
        )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
