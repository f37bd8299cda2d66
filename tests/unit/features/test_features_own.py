"""Functions of the pipeline's own: found, checked, digested."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tasks.core.errors import ConfigError
from tasks.core.event import EventConfig
from tasks.features import own
from tasks.features.build import build_on
from tasks.features.config import FeaturesConfig
from tasks.features.timeline import Timeline

ROWS = pl.DataFrame({"id": [1, 2, 3], "x": [1.0, 2.0, 3.0]})
WANTED = pl.Series([True, False, True])
GOOD = """
import polars as pl


def twice(rows: pl.LazyFrame):
    assert isinstance(rows, pl.LazyFrame)
    yield (pl.col("x") * 2).alias("double")
    yield (pl.col("x") > 2).alias("large")
"""


def made(folder: Path, function: str = "mine:twice") -> pl.DataFrame:
    config = FeaturesConfig.model_validate([{"family": "own", "function": function}])
    event = EventConfig(table="t", key=("id",))
    return build_on(config, Timeline(ROWS, event, WANTED, {}, folder=folder))


def test_expressions_of_the_functions_become_features(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD)
    assert made(tmp_path).to_dict(as_series=False) == {"double": [2, 6], "large": [0, 1]}


def test_an_edited_function_is_taken_and_has_another_digest(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(GOOD)
    before = own.digest("mine:twice", tmp_path)
    made(tmp_path)
    (tmp_path / "mine.py").write_text(GOOD.replace("* 2", "* 3"))
    assert made(tmp_path)["double"].to_list() == [3, 9]
    assert own.digest("mine:twice", tmp_path) != before


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("yield pl.col('x').mean()", "1 rows"),
        ("yield pl.lit('a').repeat_by(1).alias('t') + pl.col('x')", "Error"),
        ("yield pl.col('x').cast(pl.String)", "x as String"),
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
    ],
)
def test_what_a_function_must_not_give_is_refused(tmp_path: Path, body: str, found: str) -> None:
    (tmp_path / "mine.py").write_text(f"import polars as pl\n\n\ndef twice(rows):\n    {body}\n")
    with pytest.raises(ConfigError) as caught:
        made(tmp_path)
    assert found in caught.value.found


def test_a_function_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a Python module nowhere"):
        made(tmp_path, "nowhere:twice")
    (tmp_path / "mine.py").write_text(GOOD)
    with pytest.raises(ConfigError, match="a function thrice"):
        made(tmp_path, "mine:thrice")
