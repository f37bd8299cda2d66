"""What is done with published tables: `show`, `export`, `delta`, `lineage`, `prune`, Data Docs."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from flows.cli.arguments import Date, Span, as_json


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def lineage(file: Path) -> None:
    """Trace a FILE down to what its rows came from: a table, model.json, export, Delta table."""
    from flows import commands

    commands.lineage(file)


@click.command()
@click.argument("table")
@click.option("--pipeline", "name", help="Pipeline; default: the only one here.")
@click.option("--date", "date", type=Date(), help="Batch date; default: the latest published.")
@click.option("--rows", type=click.IntRange(0), default=20, show_default=True, help="Rows at most.")
@as_json
def show(table: str, name: str | None, date: dt.date | None, rows: int, as_json: bool) -> None:
    """Show rows of a published TABLE: scores, alerts, quarantine, ledger, …"""
    from flows import published

    published.show(table, name, date, rows, as_json)


@click.command()
@click.argument("name")
@click.option("--keep", type=Span(), help="How long to keep, 90d say; default: as the file says.")
@click.option("--yes", is_flag=True, help="Remove it; without, only say what would go.")
@as_json
def prune(name: str, keep: dt.timedelta | None, yes: bool, as_json: bool) -> None:
    """Remove what of the pipeline NAME is old and nothing that is kept was made from."""
    from flows import pruning

    pruning.run(name, keep, yes, as_json)


@click.command()
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


@click.command()
@click.argument("name")
@as_json
def delta(name: str, as_json: bool) -> None:
    """Bring the Delta Lake tables of the pipeline NAME up to its Parquet tables."""
    from flows import delta as publication

    publication.run(name, as_json)


@click.command("data-docs")
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


COMMANDS = (
    lineage,
    show,
    prune,
    export,
    delta,
    data_docs,
)
