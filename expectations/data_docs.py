"""Great Expectations' own Data Docs of some tables, readable without a network.

The pages Great Expectations writes load style sheets, scripts and pictures from content networks,
so that looking at them tells a third party. Those elements are taken out; the text and the tables
stay.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from expectations.catalogue import EXIST_IN_TABLE, MATCH_HISTORY, kinds
from expectations.suite import Suite

# Elements that a browser fetches by itself, and what style sheets import.
_FETCHED = re.compile(
    r"<script\b[^>]*\bsrc\s*=\s*[\"']?(?:https?:)?//[^>]*>\s*</script>"
    r"|<(?:link|img|iframe|source)\b[^>]*\b(?:src|href)\s*=\s*[\"']?(?:https?:)?//[^>]*>"
    r"|@import\s+(?:url\()?[\"']?(?:https?:)?//[^;]*;",
    re.IGNORECASE,
)
_FETCHED_BY_STYLE = re.compile(r"url\(\s*[\"']?(?:https?:)?//[^)]*\)", re.IGNORECASE)
_NO_RAW_VALUES = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


def build(tables: Mapping[str, tuple[pl.LazyFrame, Suite]], folder: Path) -> Path:
    """Check tables through a file context of Great Expectations and write its Data Docs.

    Args:
        tables: each table's own columns and its suite. Expectations of ours, references and row
            counts against history, are left out: Great Expectations has no page for them.
        folder: where the pages go; made if it is not there.

    Returns:
        The first page.
    """
    import great_expectations as gx

    import expectations.engine  # noqa: F401  # registers the datasource

    with tempfile.TemporaryDirectory() as work:
        context: Any = gx.get_context(mode="file", project_root_dir=work)
        context.variables.progress_bars = {"globally": False}
        source = context.data_sources.add_polars("lamplighter")
        for name, (frame, suite) in tables.items():
            batch = source.add_frame_asset(name).add_batch_definition("night")
            _check(gx, context, batch, frame, suite)
        context.build_data_docs()
        site = Path(work) / "gx" / "uncommitted" / "data_docs" / "local_site"
        for page in (*site.rglob("*.html"), *site.rglob("*.css")):
            text = _FETCHED.sub("", page.read_text(encoding="utf-8"))
            page.write_text(_FETCHED_BY_STYLE.sub("none", text), encoding="utf-8")
        shutil.copytree(site, folder, dirs_exist_ok=True)
    return folder / "index.html"


def _check(gx: Any, context: Any, batch: Any, frame: pl.LazyFrame, suite: Suite) -> None:
    name = batch.data_asset.name
    rules = context.suites.add(
        gx.ExpectationSuite(name=name, expectations=[_rule(e) for e in _stock(suite)])
    )
    definition = context.validation_definitions.add(
        gx.ValidationDefinition(name=name, data=batch, suite=rules)
    )
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name=name, validation_definitions=[definition], result_format=_NO_RAW_VALUES)
    )
    checkpoint.run(batch_parameters={"dataframe": frame})


def _stock(suite: Suite) -> Any:
    return (e for e in suite.expectations if e.type not in (EXIST_IN_TABLE, MATCH_HISTORY))


def _rule(expectation: Any) -> Any:
    return kinds()[expectation.type].build(
        **expectation.arguments, severity=expectation.severity, notes=expectation.notes or None
    )
