"""Suites for a batch: read, parameters put in, faults told as configuration errors."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from expectations.errors import SuiteError
from expectations.suite import Suite
from expectations.suite_file import load_suite
from tasks.core.errors import ConfigError
from tasks.validate.config import SuiteSource, ValidationConfig

# For reading a suite without a batch: only its parameters' types matter then.
ANY_DATE = "2000-01-01"


def load(source: SuiteSource, config: ValidationConfig, batch: str) -> Suite:
    """Read a suite for one batch.

    Args:
        source: the suite file.
        config: gives the parameters.
        batch: an ISO date, known to the suite as `$batch_date`; another name gives no such
            parameter.

    Raises:
        ConfigError: the file is at fault; the line is named.
    """
    with faults_told():
        return load_suite(source.text, source.path, _parameters(config, batch))


def tables_needed(source: SuiteSource, config: ValidationConfig) -> frozenset[str]:
    """Other tables without which a suite cannot tell its good rows from the bad ones."""
    return load(source, config, ANY_DATE).tables_needed


def check_file(
    source: SuiteSource,
    config: ValidationConfig,
    columns: Collection[str] | None = None,
    tables: Mapping[str, Collection[str]] | None = None,
) -> int:
    """Check a suite file without a run.

    Args:
        source: the suite file.
        config: gives the parameters.
        columns: the declared columns of its table, where known.
        tables: the declared columns of every table, where known, for references.

    Returns:
        The number of its expectations.

    Raises:
        ConfigError: the file is at fault; the line is named.
    """
    suite = load(source, config, ANY_DATE)
    with faults_told():
        if columns is not None:
            suite.check_columns(columns)
        if tables is not None:
            suite.check_references(tables)
    return len(suite.expectations)


@contextlib.contextmanager
def faults_told() -> Iterator[None]:
    """Tell a fault of a suite as the error that the command line knows."""
    try:
        yield
    except SuiteError as error:
        raise ConfigError(
            error.required, found=error.found, where=error.where, do=error.do
        ) from error


def _parameters(config: ValidationConfig, batch: str) -> dict[str, Any]:
    given = {k: list(v) if isinstance(v, tuple) else v for k, v in config.parameters.items()}
    with contextlib.suppress(ValueError):
        given["batch_date"] = dt.date.fromisoformat(batch)
    return given
