"""The command for personal data: `forget`."""

from __future__ import annotations

import sys

import click

from flows.cli.arguments import as_json


@click.command()
@click.argument("name")
@click.argument("value")
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def forget(name: str, value: str, yes: bool, as_json: bool) -> None:
    """Take the rows of a person out of all that the pipeline NAME has stored.

    VALUE is what a personal column says of them, or its hash; `-` reads it from standard input,
    where others do not see it.
    """
    from flows import forgetting

    whose = sys.stdin.readline().rstrip("\n") if value == "-" else value
    forgetting.run(name, whose, yes, as_json)


COMMANDS = (forget,)
