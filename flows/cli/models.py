"""The commands for the models of a pipeline: `models list`, `show`, `promote`, …"""

from __future__ import annotations

from pathlib import Path

import click

from flows.cli.arguments import as_json


@click.group()
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


COMMANDS = (models,)
