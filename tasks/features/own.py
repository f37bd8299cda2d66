"""Features by a function of the pipeline's own: from the rows to expressions over them."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType

import polars as pl

from tasks.core.errors import ConfigError
from tasks.core.keys import digest_bytes
from tasks.core.modules import installed_file
from tasks.features.table_config import OwnFamily
from tasks.features.timeline import Timeline

Function = Callable[[pl.LazyFrame], Iterable[pl.Expr]]


def own(family: OwnFamily, timeline: Timeline) -> pl.DataFrame:
    """Call the function with all rows, and take its expressions of the wanted ones.

    Raises:
        ConfigError: there is no such function, or it gives something else than one number a row.
    """
    function = load(family.function, timeline.folder)
    rows = timeline.rows.lazy()
    try:
        made = rows.select(list(function(rows))).collect()
    except Exception as error:
        raise _unfit(family.function, f"{type(error).__name__}: {error}") from error
    texts = [n for n, t in made.schema.items() if not (t.is_numeric() or t == pl.Boolean)]
    if texts or made.height != timeline.rows.height:
        found = f"{made.height} rows" if not texts else f"{texts[0]} as {made.schema[texts[0]]}"
        raise _unfit(family.function, found)
    return made.filter(timeline.wanted)


def source(function: str, folder: Path) -> Path:
    """The file a function is read from: beside the pipeline file, else of an installed package.

    Raises:
        ConfigError: there is none.
    """
    module = function.partition(":")[0]
    beside = folder.joinpath(*module.split(".")).with_suffix(".py")
    if beside.is_file():
        return beside
    found = installed_file(module)
    if found is None:
        raise ConfigError(
            f"a Python module {module}",
            found=f"neither {beside} nor an installed one",
            where="features, family own",
            do="Put the file beside the pipeline file, or install its package.",
        )
    return found


def digest(function: str, folder: Path) -> str:
    """SHA-256 of the file a function is read from."""
    return digest_bytes(source(function, folder).read_bytes())


def load(function: str, folder: Path) -> Function:
    """The function itself; its module is executed anew, so that its file is what counts."""
    path, name = source(function, folder), function.partition(":")[2]
    spec = importlib.util.spec_from_file_location(f"lamplighter_own_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Function | None = getattr(module, name, None)
    if not callable(found):
        raise ConfigError(
            f"a function {name}",
            found="none of that name",
            where=str(path),
            do="Correct the name in the pipeline file.",
        )
    return found


def _unfit(function: str, found: str) -> ConfigError:
    return ConfigError(
        "a function from a LazyFrame to Polars expressions, one number a row each",
        found=found,
        where=f"features, family own, {function}",
        do="Mend the function; expressions that look at other rows use `over` and keep the rows.",
    )
