"""What each command does, once its arguments are read."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from click.exceptions import Exit
from rich.markup import escape

from flows import terminal
from flows.pipeline import Pipeline, load
from flows.pipeline_config import PipelineConfig
from flows.service.places import names_a_pipeline
from tasks.core.commit import recover
from tasks.core.errors import ConfigError

if TYPE_CHECKING:
    from prefect import Flow

R = TypeVar("R")


def check(file: str, as_json: bool) -> None:
    """Check a pipeline file and its suites."""
    from tasks.features import own
    from tasks.validate.suites import check_file

    pipeline = load(file)
    for function in pipeline.config.features.functions:
        own.load(function, pipeline.folder)
    tables = {name: pipeline.columns(name) for name in pipeline.config.sources}
    counts = {
        table: check_file(suite, pipeline.config.validation, tables[table], tables)
        for table, suite in pipeline.suites.items()
    }
    found = {
        "pipeline": pipeline.name,
        "file": str(pipeline.file.path),
        "store": str(pipeline.store.root),
        "sources": sorted(pipeline.config.sources),
        "expectations": counts,
        "variables_missing": pipeline.missing_secrets(),
        "nobody_told": pipeline.unheard(),
    }
    if as_json:
        terminal.print_json(found)
        return
    terminal.out.print(f"[bold]{pipeline.name}[/] is in order: {pipeline.file.path}")
    for table, count in counts.items():
        terminal.out.print(f"  {table}: {count} expectations")
    tell_missing(pipeline)


def tell_missing(pipeline: Pipeline) -> None:
    """Name the variables that have no value: those a run waits for, and those it goes without."""
    for name in pipeline.missing_secrets():
        terminal.out.print(f"  [yellow]to be set before a run:[/] {name}")
    for sentence in pipeline.unheard():
        terminal.out.print(f"  [yellow]warning:[/] {escape(sentence)}", soft_wrap=True)


def schema(subject: str) -> None:
    """Print a JSON Schema."""
    if subject == "suite":
        from expectations.suite_schema import suite_json_schema

        content = suite_json_schema()
    else:
        content = PipelineConfig.model_json_schema(by_alias=True)
    terminal.out.file.write(json.dumps(content, indent=2) + "\n")


def run_night(name: str, date: dt.date | None, asked: Mapping[str, bool], as_json: bool) -> None:
    """Run one night."""
    load(name)  # a mistake in the file is told before seconds go into imports
    from flows.nightly import nightly
    from flows.options import NightOptions
    from flows.summaries import tell_night

    options = NightOptions.model_validate(asked)
    night = call(nightly, (name, date, options), f"{name} {date or 'last night'}", as_json)
    if as_json:
        terminal.print_json(asdict(night))
    else:
        tell_night(night, load(name).store.root)


def train(name: str, date: dt.date | None, as_json: bool) -> None:
    """Train a model."""
    load(name)
    from flows.summaries import tell_training
    from flows.training import train as training

    trained = call(training, (name, date), f"training {name}", as_json)
    if as_json:
        terminal.print_json(trained.to_dict())
    else:
        tell_training(trained, load(name).store.root)


def call(flow: Flow[..., R], arguments: tuple[object, ...], title: str, quiet: bool) -> R:
    """Run a flow: in this process, or as a run of the Prefect server the user has configured.

    Args:
        flow: the flow.
        arguments: its arguments, the pipeline's name first.
        title: what it does, for the progress line.
        quiet: whether a program reads the output.
    """
    from prefect.settings import PREFECT_API_URL

    with served(str(arguments[0]), title, quiet):
        if PREFECT_API_URL.value():
            return flow(*arguments)
        return flow.fn(*arguments)


@contextmanager
def served(name: str, title: str, quiet: bool) -> Iterator[None]:
    """Have what a pipeline's runs need at hand while the block runs, and show its progress."""
    from flows.demo.services import demo_services

    pipeline = load(name)
    recover(pipeline.store, pipeline.name)
    with demo_services(name), terminal.progress(title, quiet):
        yield


def backfill(
    name: str, first: dt.date, last: dt.date, asked: Mapping[str, int], as_json: bool
) -> None:
    """Run a range of nights."""
    from flows.backfill import BackfillOptions
    from flows.backfill import backfill as flow
    from flows.summaries import tell_night

    options = BackfillOptions.model_validate(asked)
    done = call(flow, (name, first, last, options), f"{name} {first} to {last}", as_json)
    if as_json:
        terminal.print_json(asdict(done))
        return
    for night in done.nights:
        tell_night(night, load(name).store.root)
    if done.skipped:
        terminal.out.print(f"{len(done.skipped)} dates were published already (--force runs them)")
    for sentence in done.warnings:
        terminal.out.print(f"[yellow]warning:[/] {escape(sentence)}", soft_wrap=True)


def monitor(name: str, date: dt.date | None, train: bool, as_json: bool) -> None:
    """Measure past nights."""
    from flows.monitoring import monitor as flow
    from flows.summaries import tell_realised

    realised = call(flow, (name, date, train), f"monitoring {name}", as_json)
    if as_json:
        terminal.print_json(asdict(realised))
    else:
        tell_realised(realised)


def prove_no_leak(name: str, date: dt.date | None, cut_offs: int, seed: int, as_json: bool) -> None:
    """Prove that no feature sees the future; leave with code 2 where one does."""
    load(name)
    from flows.proving import prove
    from flows.summaries import tell_proof

    with served(name, f"proving {name} at {cut_offs} cut-offs", as_json):
        proved = prove(name, date, cut_offs, seed)
    if as_json:
        terminal.print_json(asdict(proved))
    else:
        tell_proof(proved)
    if proved.leaks:
        raise Exit(ConfigError.exit_code)


def lineage(file: Path) -> None:
    """Trace a published table to its sources."""
    from flows.lineage import trace

    terminal.out.file.write(json.dumps(trace(file), indent=2) + "\n")


def only_pipeline() -> str:
    """The one pipeline file at hand.

    Raises:
        ConfigError: there is none, or more than one.
    """
    places = (Path(), Path("pipelines"), Path("lamplighter-demo"))
    files = [
        file for place in places for file in sorted(place.glob("*.yaml")) if names_a_pipeline(file)
    ]
    if len(files) == 1:
        return str(files[0])
    raise ConfigError(
        "one pipeline file here, in pipelines/ or in lamplighter-demo/",
        found=", ".join(map(str, files)) or "none",
        where=str(Path.cwd()),
        do="Name the pipeline: --pipeline NAME or --pipeline FILE.",
    )
