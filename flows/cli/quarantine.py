"""The commands for rows that are held back: `quarantine list`, `show`, `replay`."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from flows.cli.arguments import Date, as_json


@click.group()
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


COMMANDS = (quarantine,)
