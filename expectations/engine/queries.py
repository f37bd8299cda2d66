"""Metrics that run SQL: the batch is the table `{batch}` of a Polars SQL context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from great_expectations.constants import MAX_RESULT_RECORDS
from great_expectations.data_context.data_context.context_factory import project_manager
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider

from expectations.engine.datasource import PolarsDatasource
from expectations.engine.domain import Domain
from expectations.engine.errors import UnsupportedExpectationError
from expectations.engine.plan import Query
from expectations.engine.registration import provides

BATCH = "batch"


def run_sql(query: str, tables: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Plan a SQL query.

    Args:
        query: one SELECT in Polars' dialect.
        tables: what the query may read, by name.

    Returns:
        The result, not yet computed.

    Raises:
        UnsupportedExpectationError: Polars cannot plan the query.
    """
    try:
        with pl.SQLContext(tables) as context:
            return context.execute(query, eager=False)
    except pl.exceptions.PolarsError as error:
        raise UnsupportedExpectationError(
            "the query cannot be run by Polars SQL", f"{error} Query: {query}"
        ) from error


def _substitute(query: Any, parameter: str, placeholders: Mapping[str, Any]) -> str:
    if not isinstance(query, str) or not query:
        raise ValueError(f"Must provide `{parameter}` as a string, found {query!r}.")
    return QueryMetricProvider._format_query(query.rstrip("; \n"), batch=BATCH, **placeholders)


def _planned(domain: Domain, parameter: str) -> pl.LazyFrame:
    placeholders: dict[str, Any] = {
        name: domain.kwargs[name] or domain.values.get(name)
        for name in ("column", "column_A", "column_B")
        if domain.kwargs.get(name) or domain.values.get(name)
    }
    columns = domain.kwargs.get("columns") or domain.values.get("columns") or ()
    placeholders |= {f"col_{i}": column for i, column in enumerate(columns, 1)}
    placeholders |= domain.values.get("query_parameters") or {}
    template = domain.values.get("template_dict") or {}
    placeholders |= {name: str(value).format(batch=BATCH) for name, value in template.items()}
    query = _substitute(domain.values.get(parameter), parameter, placeholders)
    return run_sql(query, {BATCH: domain.records()})


def _records(parameter: str) -> Callable[[Domain], Query]:
    def records(domain: Domain) -> Query:
        result = _planned(domain, parameter)
        kept = result if domain.values.get("fetch_all") else result.head(MAX_RESULT_RECORDS)
        return Query(kept, lambda rows: rows.rows(named=True))

    return records


def _record_count(parameter: str) -> Callable[[Domain], Query]:
    def count(domain: Domain) -> Query:
        return Query(_planned(domain, parameter).select(pl.len()), lambda rows: int(rows.item()))

    return count


provides(
    "query.table",
    "query.column",
    "query.column_pair",
    "query.multiple_columns",
    "query.template_values",
)(_records("query"))
provides("query.row_count")(_record_count("query"))
provides("base_query.table")(_records("base_query"))
provides("unexpected_rows_query.table")(_records("unexpected_rows_query"))
provides("unexpected_rows_query.row_count")(_record_count("unexpected_rows_query"))


@provides("comparison_query.data_source_table", "query.data_source_table")
def other_source_records(domain: Domain) -> Any:
    """The records of a query to another datasource of the current context.

    A Polars datasource offers its Parquet assets as tables; a SQL datasource runs the query itself.

    Raises:
        UnsupportedExpectationError: the other datasource takes no queries.
    """
    values = domain.values
    name = values.get("comparison_data_source_name") or values.get("data_source_name")
    query = values.get("comparison_query") or values.get("query")
    source: Any = project_manager.get_datasources()[str(name)]
    engine = source.get_execution_engine()
    if isinstance(source, PolarsDatasource):
        result = run_sql(str(query), source.tables())
        return Query(result.head(MAX_RESULT_RECORDS), lambda rows: rows.rows(named=True))
    if not hasattr(engine, "execute_query"):
        raise UnsupportedExpectationError(
            "expect_query_results_to_match_comparison", f"the datasource {name!r} takes no queries."
        )
    return QueryMetricProvider._get_sqlalchemy_records_from_substituted_batch_subquery(
        substituted_batch_subquery=str(query), execution_engine=engine
    )
