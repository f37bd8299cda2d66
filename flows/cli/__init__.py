"""The command line: arguments → a function of its own → exit code.

Nothing heavy is imported before a command runs, so that help answers at once.
"""

from __future__ import annotations

import sys

import click

from flows.cli import models, nights, personal, quarantine, state, tables
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
  8  the processes or the cluster that compute are gone, or unfit
  130  interrupted; what was published before stays
"""


@click.group(epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lamplighter", message="%(package)s %(version)s")
def cli() -> None:
    """Nightly batch pipelines that prove their data fit, score it with deep models they watch
    themselves, and leave tables people can trust."""


for group in (nights, tables, models, quarantine, state, personal, service):
    for command in group.COMMANDS:
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
    except (KeyboardInterrupt, click.Abort) as interrupt:
        # Click puts its own exception in the place of the one that may know more.
        told = str(interrupt.__cause__ or interrupt) or "what was published before stays"
        click.echo(f"interrupted; {told}", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001  # the edge: every error gets a message and a code
        from flows.terminal import tell_error

        sys.exit(tell_error(error, wants_json))
