"""The command: arguments → pipeline → flow → exit code.

Nothing heavy is imported before a command runs, so that `lamplighter --help` answers at once.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import click

from flows import personal_cli
from flows.libraries import configure_libraries
from flows.service import cli as service

EXIT_CODES = """\b
Exit codes:
  0  done
  1  an error nobody foresaw; please report it
  2  a pipeline file, a suite or a flag is wrong
  3  a source could not be read completely
  4  the data are not fit: the gate closed, or the columns drifted
  5  a model is missing, damaged or unfit
  6  the store is damaged or cannot be written
  7  another run of this pipeline and date is going
  130  interrupted; what was published before stays
"""


class Date(click.ParamType[dt.date]):
    """A date as YYYY-MM-DD."""

    name = "YYYY-MM-DD"

    def convert(
        self, value: str | dt.date, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        """Read the date, or fail as click does."""
        if isinstance(value, dt.date):
            return value
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            self.fail(f"a date like 2010-07-05 is required; found {value!r}", param, ctx)


class Span(click.ParamType[dt.timedelta]):
    """A span of days as `90d`."""

    name = "90d"

    def convert(
        self, value: str | dt.timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.timedelta:
        """Read the span, or fail as click does."""
        if isinstance(value, dt.timedelta):
            return value
        number, unit = value[:-1], value[-1:]
        if unit not in ("d", "w") or not number.isdecimal() or not int(number):
            self.fail(f"a span like 90d or 12w is required; found {value!r}", param, ctx)
        return dt.timedelta(days=int(number) * (7 if unit == "w" else 1))


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
on_date = click.option("--date", "date", type=Date(), help="Batch date; default: last night's.")


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lamplighter", message="%(package)s %(version)s")
def cli() -> None:
    """Nightly batch pipelines that prove their data fit, score it with deep models they watch
    themselves, and leave tables people can trust."""


@cli.command()
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


@cli.command()
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


@cli.command()
@click.argument("file")
@as_json
def check(file: str, as_json: bool) -> None:
    """Check a pipeline FILE and its suites without running anything."""
    from flows import commands

    commands.check(file, as_json)


@cli.command()
@click.argument("subject", type=click.Choice(["pipeline", "suite"]), default="pipeline")
def schema(subject: str) -> None:
    """Print the JSON Schema of a pipeline file, or of a suite."""
    from flows import commands

    commands.schema(subject)


@cli.command()
@click.argument("name")
@on_date
@as_json
def run(name: str, date: dt.date | None, as_json: bool) -> None:
    """Run one night of the pipeline NAME."""
    from flows import commands

    commands.run_night(name, date, as_json)


@cli.command()
@click.argument("name")
@click.option(
    "--date", "date", type=Date(), help="Train on what was known by the end of this date."
)
@as_json
def train(name: str, date: dt.date | None, as_json: bool) -> None:
    """Train a model of the pipeline NAME; it serves if it is better than the champion."""
    from flows import commands

    commands.train(name, date, as_json)


@cli.command()
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
@as_json
def backfill(
    name: str,
    first: dt.date,
    last: dt.date,
    force: bool,
    parallel: int,
    as_of: bool,
    as_json: bool,
) -> None:
    """Run the nights of the pipeline NAME from FIRST to LAST."""
    from flows import commands

    asked = {"force": force, "parallel": parallel, "as_of": as_of}
    commands.backfill(name, first, last, asked, as_json)


@cli.command()
@click.argument("name")
@click.option("--date", "date", type=Date(), help="Use the labels known by its end.")
@click.option("--train", is_flag=True, help="Train at once where a rule of the pipeline says so.")
@as_json
def monitor(name: str, date: dt.date | None, train: bool, as_json: bool) -> None:
    """Say what the scores of the pipeline NAME turned out to be worth, and whether to train."""
    from flows import commands

    commands.monitor(name, date, train, as_json)


@cli.command("prove-no-leak")
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


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
def lineage(file: Path) -> None:
    """Trace a FILE down to what its rows came from: a table, model.json, export, Delta table."""
    from flows import commands

    commands.lineage(file)


@cli.command()
@click.argument("table")
@click.option("--pipeline", "name", help="Pipeline; default: the only one here.")
@click.option("--date", "date", type=Date(), help="Batch date; default: the latest published.")
@click.option("--rows", type=click.IntRange(0), default=20, show_default=True, help="Rows at most.")
@as_json
def show(table: str, name: str | None, date: dt.date | None, rows: int, as_json: bool) -> None:
    """Show rows of a published TABLE: scores, alerts, quarantine, ledger, …"""
    from flows import commands

    commands.show(table, name, date, rows, as_json)


@cli.command()
@click.argument("name")
@click.option("--keep", type=Span(), help="How long to keep, 90d say; default: as the file says.")
@click.option("--yes", is_flag=True, help="Remove it; without, only say what would go.")
@as_json
def prune(name: str, keep: dt.timedelta | None, yes: bool, as_json: bool) -> None:
    """Remove what of the pipeline NAME is old and nothing that is kept was made from."""
    from flows import pruning

    pruning.run(name, keep, yes, as_json)


@cli.command()
@click.argument("table")
@click.option("--pipeline", "name", help="Pipeline; default: the only one here.")
@click.option("--date", "date", type=Date(), help="Batch date; default: the latest published.")
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The CSV file; one that is there is replaced.",
)
@as_json
def export(table: str, name: str | None, date: dt.date | None, file: Path, as_json: bool) -> None:
    """Write a published TABLE as CSV for spreadsheets, with nothing in it that is a formula."""
    from flows import exporting

    exporting.run(table, name, date, file, as_json)


@cli.command()
@click.argument("names", nargs=-1, metavar="[NAME]…")
@as_json
def status(names: tuple[str, ...], as_json: bool) -> None:
    """Say where pipelines stand: last night, models, circuits, running runs, open incidents."""
    from flows import status as standing

    standing.show(names, as_json)


@cli.group()
def models() -> None:
    """List, show, compare and move the models of a pipeline."""


because = click.option("--why", default="", help="Kept in the history.")


@models.command("list")
@click.argument("name")
@as_json
def models_list(name: str, as_json: bool) -> None:
    """List the models of the pipeline NAME, their aliases, and who moved them when and why."""
    from flows import models as registry

    registry.list_models(name, as_json)


@models.command("show")
@click.argument("name")
@click.argument("version", required=False)
@as_json
def models_show(name: str, version: str | None, as_json: bool) -> None:
    """Show the card of a VERSION or alias of the pipeline NAME; default: the champion."""
    from flows import models as registry

    registry.show(name, version, as_json)


@models.command("diff")
@click.argument("name")
@click.argument("one")
@click.argument("other")
@as_json
def models_diff(name: str, one: str, other: str, as_json: bool) -> None:
    """Say in what two versions or aliases of the pipeline NAME differ."""
    from flows import models as registry

    registry.diff(name, one, other, as_json)


@models.command("export")
@click.argument("name")
@click.argument("version", default="champion")
@click.option("--to", type=click.Path(path_type=Path, dir_okay=False), required=True)
def models_export(name: str, version: str, to: Path) -> None:
    """Write the network of a VERSION of the pipeline NAME as ONNX; default: the champion."""
    from flows.model_export import export

    export(name, version, to)


@models.command("promote")
@click.argument("name")
@click.argument("version", required=False)
@because
@as_json
def models_promote(name: str, version: str | None, why: str, as_json: bool) -> None:
    """Make a VERSION of the pipeline NAME the champion; default: the challenger."""
    from flows import models as registry

    registry.promote(name, version, why, as_json)


@models.command("rollback")
@click.argument("name")
@because
@as_json
def models_rollback(name: str, why: str, as_json: bool) -> None:
    """Make the previous champion of the pipeline NAME the champion again."""
    from flows import models as registry

    registry.rollback(name, why, as_json)


@cli.command("data-docs")
@click.argument("name")
@click.option("--date", "date", type=Date(), required=True, help="Batch date.")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("data-docs"),
    show_default=True,
    help="Where the pages go.",
)
def data_docs(name: str, date: dt.date, folder: Path) -> None:
    """Write Great Expectations' Data Docs of a date of the pipeline NAME, without raw values."""
    from flows import data_docs as pages

    pages.write(name, date, folder)


@cli.group()
def quarantine() -> None:
    """List, show and replay the rows that are held back."""


of_date = click.option("--date", "date", type=Date(), required=True, help="Batch date.")


@quarantine.command("list")
@click.argument("name")
@click.option("--date", "date", type=Date(), help="Batch date; default: all of them.")
@as_json
def quarantine_list(name: str, date: dt.date | None, as_json: bool) -> None:
    """Count the held rows of the pipeline NAME by date, table and reason."""
    from flows import quarantine as held

    held.list_held(name, date, as_json)


@quarantine.command("show")
@click.argument("name")
@of_date
@click.option("--stage", type=click.Choice(["ingest", "validate"]), help="Held back by it.")
@click.option("--table", help="Rows of this table.")
@click.option("--reason", help="Rows held back for this reason, as `list` names it.")
@as_json
def quarantine_show(
    name: str,
    date: dt.date,
    stage: str | None,
    table: str | None,
    reason: str | None,
    as_json: bool,
) -> None:
    """Show held rows of one date; with --json, lines to mend for `replay --with`."""
    from flows import quarantine as held

    held.show_held(name, date, held.Wanted(stage, table, reason), as_json)


@quarantine.command("replay")
@click.argument("name")
@of_date
@click.option(
    "--with",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Mended rows: lines of `show --json` with `raw` put right.",
)
@click.option("--drop", is_flag=True, help="Forget the mends the date has.")
@as_json
def quarantine_replay(
    name: str, date: dt.date, file: Path | None, drop: bool, as_json: bool
) -> None:
    """Run one date again after a mend: in the source, in the suite, or in the rows of a file."""
    from flows import quarantine as held

    held.replay(name, date, file, drop, as_json)


@cli.group()
def state() -> None:
    """Show or forget what is kept of sources that are read piece by piece."""


@state.command("show")
@click.argument("name")
@as_json
def state_show(name: str, as_json: bool) -> None:
    """Say what the nights of the pipeline NAME have read, which rows came late, what is stale."""
    from flows import state as kept

    kept.show(name, as_json)


@state.command("reset")
@click.argument("name")
@click.argument("source", required=False)
@click.option("--from", "first", type=Date(), help="First night that is forgotten; default: all.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def state_reset(
    name: str, source: str | None, first: dt.date | None, yes: bool, as_json: bool
) -> None:
    """Forget what nights kept of one SOURCE of the pipeline NAME, or of all; it is read again."""
    from flows import state as kept

    kept.reset(name, source, first, yes, as_json)


for command in (*service.COMMANDS, *personal_cli.COMMANDS):
    cli.add_command(command)


def main() -> None:
    """Run the command and exit with its documented code."""
    wants_json = "--json" in sys.argv
    configure_libraries()
    try:
        sys.exit(cli(standalone_mode=False))  # a command's own exit code, or None
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was published before stays", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001  # the edge: every error gets a message and a code
        from flows.terminal import tell_error

        sys.exit(tell_error(error, wants_json))
