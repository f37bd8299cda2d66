"""Where a table's files lie: the pattern that their paths have in common, and the dates in it."""

from __future__ import annotations

import datetime as dt
import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tasks.core.errors import ConfigError

_DATE_FORMS = (
    (re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)"), "%Y-%m-%d", "{date}"),
    (re.compile(r"(?<!\d)\d{8}(?!\d)"), "%Y%m%d", "{date:%Y%m%d}"),
    (re.compile(r"(?<!\d)\d{4}_\d{2}_\d{2}(?!\d)"), "%Y_%m_%d", "{date:%Y_%m_%d}"),
    (re.compile(r"(?<!\d)\d{4}/\d{2}/\d{2}(?!\d)"), "%Y/%m/%d", "{date:%Y/%m/%d}"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table's files lie.

    Args:
        pattern: their path, relative to the pipeline file, with `{date}` where it stands in it.
        dates: the dates found in their paths, in order.
        table: what to call the table.
    """

    pattern: str
    dates: tuple[dt.date, ...]
    table: str


def locate(files: Sequence[Path], folder: Path) -> Place:
    """Find the pattern that files have in common.

    Raises:
        ConfigError: they do not lie below the folder, or in places that have nothing in common.
    """
    root = folder.absolute()
    paths = [Path(os.path.normpath(file.absolute())) for file in files]
    outside = [path for path in paths if not path.is_relative_to(os.path.normpath(root))]
    if outside:
        raise ConfigError(
            f"files below the folder of the pipeline file, {root}",
            found=str(outside[0]),
            where="FILE",
            do=f"Name a folder above them: --folder {outside[0].parent}",
        )
    found = [_dated(p.relative_to(os.path.normpath(root)).as_posix()) for p in paths]
    patterns = {pattern for pattern, _ in found}
    if len(patterns) > 1:
        patterns = {
            str(PurePosixPath(p).with_name(f"*{PurePosixPath(p).suffix}")) for p in patterns
        }
    if len(patterns) > 1:
        raise ConfigError(
            "files of one table: all in one folder, or in folders of their dates",
            found=" and ".join(sorted(patterns)[:2]),
            where="FILE",
            do="Make a pipeline of one table, then declare the other sources beside it.",
        )
    (pattern,) = patterns
    dates = tuple(sorted({date for _, date in found if date is not None}))
    return Place(pattern, dates, _table_name(pattern))


def slug(text: str) -> str:
    """A text as a name that the store takes."""
    plain = re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")
    return plain if plain[:1].isalpha() else f"table-{plain}".rstrip("-")


def _dated(path: str) -> tuple[str, dt.date | None]:
    for form, written, placeholder in _DATE_FORMS:
        match = form.search(path)
        if match is None:
            continue
        try:
            date = dt.datetime.strptime(match[0], written).date()
        except ValueError:
            continue
        return path.replace(match[0], placeholder), date
    return path, None


def _table_name(pattern: str) -> str:
    """The last part of a path that says more than a date."""
    for part in reversed(PurePosixPath(pattern).parts):
        plain = re.sub(r"\{date[^}]*\}|\*", "", part).split(".")[0].strip("-_ ")
        if plain:
            return slug(plain)
    return "events"
