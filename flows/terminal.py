"""What a person sees: progress while stages run, tables at the end, errors to act on."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tasks.core.errors import LamplighterError

_PIPED_WIDTH = 160
_CELL_WIDTH = 32

out = Console(highlight=False)
if not out.is_terminal:
    out.width = _PIPED_WIDTH
err = Console(stderr=True, highlight=False)


def tell_error(error: Exception, as_json: bool) -> int:
    """Print an error where it belongs.

    Args:
        error: what ended the command.
        as_json: whether a program reads the output.

    Returns:
        The exit code it stands for.
    """
    foreseen = isinstance(error, LamplighterError)
    code = error.exit_code if isinstance(error, LamplighterError) else 1
    if as_json:
        fields = (
            {name: getattr(error, name) for name in ("required", "found", "where", "do")}
            if foreseen
            else {"found": str(error)}
        )
        print_json({"error": type(error).__name__, "exit_code": code, **fields})
    elif foreseen:
        err.print(f"[bold red]{type(error).__name__}[/]")
        err.print(escape(str(error)), soft_wrap=True)
    else:
        err.print("[bold red]An error nobody foresaw; please report it with this text:[/]")
        err.print(escape("".join(traceback.format_exception(error))), soft_wrap=True)
    return code


def print_json(content: Any) -> None:
    """Print JSON on standard output, dates as ISO text."""
    out.file.write(json.dumps(content, default=str, ensure_ascii=False) + "\n")


def table(title: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """A table of dicts, numbers to the right."""
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for name in rows[0] if rows else ():
        number = all(isinstance(row[name], (int, float)) for row in rows)
        drawn.add_column(name, justify="right" if number else "left")
    for row in rows:
        drawn.add_row(*(escape(cell(value)) for value in row.values()))
    return drawn


def print_records(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows a line each: the columns that fit, and the names of those that do not."""
    drawn = Table(header_style="bold", show_edge=False)
    room = out.width
    shown: list[str] = []
    left_out: list[str] = []
    for name in columns:
        width = max(len(name), *(len(_short(row[name])) for row in rows), 0) + 3
        (shown if width <= room else left_out).append(name)
        room -= width if width <= room else 0
    for name in shown:
        drawn.add_column(name, no_wrap=True)
    for row in rows:
        drawn.add_row(*(escape(_short(row[name])) for name in shown))
    out.print(drawn)
    if left_out:
        out.print(f"and the columns {', '.join(left_out)} (all with --json)", soft_wrap=True)


def _short(value: Any) -> str:
    # A whole number may be a name, a customer's say: it gets no separators.
    text = str(value) if isinstance(value, int) else cell(value)
    return text if len(text) <= _CELL_WIDTH else text[: _CELL_WIDTH - 1] + "…"


def cell(value: Any) -> str:
    """A value as a cell of a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.3f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def tell_paths(paths: Mapping[str, Path]) -> None:
    """Say where things lie, one path a line."""
    for name, path in paths.items():
        out.print(f"{name + ':':<11}{escape(str(path))}", soft_wrap=True)


@contextmanager
def progress(title: str, quiet: bool) -> Iterator[None]:
    """Show which stage runs, and for how long, while the block runs.

    Args:
        title: what the block does.
        quiet: whether a program reads the output.
    """
    from tasks.task import Listener, listening

    if quiet or not err.is_terminal:
        yield
        return
    with err.status(title) as status:
        listener = Listener(
            started=lambda stage: status.update(f"{title}: {stage} …"),
            ended=lambda timing: status.update(f"{title}: {timing.stage} done"),
        )
        with listening(listener):
            yield
