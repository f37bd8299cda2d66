"""The commands of the service: `up`, `down`, `deploy`."""

from __future__ import annotations

from pathlib import Path

import click

in_folder = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Folder of the pipeline files; default: here.",
)

called = click.option(
    "--name",
    help="What the service is called from now on, on a server that other folders use as well: its "
    "work pool, and PIPELINE@NAME its deployments; default: the folder's name and four digits.",
)


@click.command()
@in_folder
@called
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=4200, show_default=True, help="Its port."
)
@click.option(
    "--database",
    metavar="URL",
    help="Prefect's database, postgresql+asyncpg://user:password@host/name; default: a SQLite "
    "file in .lamplighter/. Better given as PREFECT_API_DATABASE_CONNECTION_URL: flags can be "
    "seen by others.",
)
@click.option(
    "--no-password",
    is_flag=True,
    help="Let whoever is logged in to this machine use the server; else one is drawn at the first "
    "`up` and kept in .lamplighter/password, unless PREFECT_SERVER_API_AUTH_STRING tells one.",
)
@click.option("--foreground", is_flag=True, help="Stay, and end with this command.")
def up(
    folder: Path,
    name: str | None,
    host: str,
    port: int,
    database: str | None,
    no_password: bool,
    foreground: bool,
) -> None:
    """Start a Prefect server and a worker, and deploy every pipeline file here.

    Where PREFECT_API_URL is set that server is joined and none is started.
    """
    from flows.pipeline import variable
    from flows.service import commands
    from flows.service.settings import CLIENTS, SERVERS, Listening

    if variable(SERVERS) == "":
        raise click.UsageError(f"{SERVERS} is set and empty: give user:password, or unset it")
    password, told = variable(SERVERS) or "", variable(CLIENTS) or ""
    if no_password and password:
        raise click.UsageError(f"--no-password, and {SERVERS} is set: leave one of them out")
    listening = Listening(host, port, database, password, told)
    commands.up(folder, name, listening, no_password, foreground)


@click.command()
@in_folder
def down(folder: Path) -> None:
    """End what `up` started; runs and schedules are kept."""
    from flows.service import commands

    commands.down(folder)


@click.command()
@in_folder
@called
def deploy(folder: Path, name: str | None) -> None:
    """Make the deployments of the pipeline files here: nightly, train, backfill, monitor.

    Those of files that are no longer here are taken away.
    """
    from flows.service import commands

    commands.deploy(folder, name)


COMMANDS = (up, down, deploy)
