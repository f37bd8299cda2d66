"""The commands for what is kept of incremental sources: `state show`, `reset`."""

from __future__ import annotations

import datetime as dt

import click

from flows.cli.arguments import Date, as_json


@click.group()
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


COMMANDS = (state,)
