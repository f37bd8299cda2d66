"""The commands that lay pipelines out, check them and run them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from flows.cli.arguments import Date, as_json, on_date

_AGAIN = click.option(
    "--ask-again",
    is_flag=True,
    help="Ask models as well that were too slow when the date was run before.",
)


@click.command()
@click.argument("pipeline", type=click.Choice(["retail", "intrusion"]), default="retail")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("lamplighter-demo"),
    show_default=True,
    help="Where to lay the demo out.",
)
@click.option("--nights", type=click.IntRange(1, 30), default=8, show_default=True)
@click.option(
    "--source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Intrusion: a gzipped file of connections, kddcup.data_10_percent.gz say, "
    "in place of the sample.",
)
@as_json
def demo(pipeline: str, folder: Path, nights: int, source: Path | None, as_json: bool) -> None:
    """Lay a real sample out, train on its past, and run its nights."""
    from flows.demo import show

    if source is not None and pipeline != "intrusion":
        raise click.UsageError("--source goes with `demo intrusion`")
    show.run(pipeline, folder, nights, as_json, source)


@click.command()
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option("--name", help="Name of the pipeline; default: that of the files.")
@click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the pipeline file goes, above the files; default: here.",
)
@as_json
def init(files: tuple[Path, ...], name: str | None, folder: Path, as_json: bool) -> None:
    """Write a first pipeline file and suite from data: CSV or Parquet files of one table."""
    from flows import initialise

    initialise.run(files, name, folder, as_json)


@click.command()
@click.argument("file")
@as_json
def check(file: str, as_json: bool) -> None:
    """Check a pipeline FILE and its suites without running anything."""
    from flows import commands

    commands.check(file, as_json)


@click.command()
@click.argument("subject", type=click.Choice(["pipeline", "suite"]), default="pipeline")
def schema(subject: str) -> None:
    """Print the JSON Schema of a pipeline file, or of a suite."""
    from flows import commands

    commands.schema(subject)


@click.command()
@click.argument("name")
@on_date
@_AGAIN
@as_json
def run(name: str, date: dt.date | None, ask_again: bool, as_json: bool) -> None:
    """Run one night of the pipeline NAME."""
    from flows import commands

    commands.run_night(name, date, {"ask_again": ask_again}, as_json)


@click.command()
@click.argument("name")
@click.option(
    "--date", "date", type=Date(), help="Train on what was known by the end of this date."
)
@as_json
def train(name: str, date: dt.date | None, as_json: bool) -> None:
    """Train a model of the pipeline NAME; it serves if it is better than the champion."""
    from flows import commands

    commands.train(name, date, as_json)


@click.command()
@click.argument("name")
@click.argument("first", type=Date())
@click.argument("last", type=Date())
@click.option("--force", is_flag=True, help="Run the dates that are published as well.")
@click.option(
    "--parallel",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Dates at once, a process each.",
)
@click.option("--as-of", is_flag=True, help="Score each date with the champion it had then.")
@_AGAIN
@as_json
def backfill(
    name: str,
    first: dt.date,
    last: dt.date,
    force: bool,
    parallel: int,
    as_of: bool,
    ask_again: bool,
    as_json: bool,
) -> None:
    """Run the nights of the pipeline NAME from FIRST to LAST."""
    from flows import commands

    asked = {"force": force, "parallel": parallel, "as_of": as_of, "ask_again": ask_again}
    commands.backfill(name, first, last, asked, as_json)


@click.command()
@click.argument("name")
@click.option("--date", "date", type=Date(), help="Use the labels known by its end.")
@click.option("--train", is_flag=True, help="Train at once where a rule of the pipeline says so.")
@as_json
def monitor(name: str, date: dt.date | None, train: bool, as_json: bool) -> None:
    """Say what the scores of the pipeline NAME turned out to be worth, and whether to train."""
    from flows import commands

    commands.monitor(name, date, train, as_json)


@click.command("prove-no-leak")
@click.argument("name")
@click.option("--date", "date", type=Date(), help="Last date; default: the last that has data.")
@click.option("--cut-offs", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@as_json
def prove_no_leak(name: str, date: dt.date | None, cut_offs: int, seed: int, as_json: bool) -> None:
    """Change the future of events of the pipeline NAME: its features must not move.

    Ends with code 2 where one does.
    """
    from flows import commands

    commands.prove_no_leak(name, date, cut_offs, seed, as_json)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@as_json
def status(names: tuple[str, ...], as_json: bool) -> None:
    """Say where pipelines stand: last night, models, circuits, running runs, open incidents."""
    from flows import status as standing

    standing.show(names, as_json)


COMMANDS = (
    demo,
    init,
    check,
    schema,
    run,
    train,
    backfill,
    monitor,
    prove_no_leak,
    status,
)
