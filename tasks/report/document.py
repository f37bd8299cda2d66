"""The contract as a page for people: `infra/docs/tables.md`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import polars as pl
from polars._typing import PolarsDataType

from tasks.report.columns import Column, Table
from tasks.report.contract import TABLES, VERSION

_PREFACE = f"""# The output tables

The public contract of Lamplighter's tables, version {VERSION}. It is generated from
`tasks/report/contract.py`; change it there, then run
`python -m tasks.report.document > infra/docs/tables.md`.

A night's tables lie at `<store>/reports/<pipeline>/<table>/batch_date=YYYY-MM-DD/night.parquet`,
a training's at `…/training.parquet`. The batch date is in the path, as Hive partitions have it,
and not in the file: every reader that is given the table's folder adds it as a column.

```python
pl.read_parquet("lamplighter-store/reports/retail/alerts/")
pd.read_parquet("lamplighter-store/reports/retail/alerts/")
duckdb.sql("from read_parquet('lamplighter-store/reports/retail/alerts/*/*.parquet')")
```

A night that is run twice gives the same bytes, save for `runs`, the only table with times.

## In each file's own metadata

| key | value |
|---|---|
| `lamplighter.table` | the table's name |
| `lamplighter.contract_version` | the version of this contract |
| `lamplighter.run_id` | the run, named by its content |
| `lamplighter.pipeline`, `lamplighter.batch_date` | what it belongs to |
| `lamplighter.config_sha256`, `lamplighter.code_sha256` | digests of configuration and code |
| `lamplighter.model_version` | the model that scored or was trained; empty where there is none |
| `lamplighter.inputs` | JSON: the SHA-256 of each file read, by its place in the store |
| `lamplighter.columns` | JSON: meaning and unit of each column |
"""

_NAMES = {
    pl.Boolean: "boolean",
    pl.Float64: "float64",
    pl.Int32: "int32",
    pl.Int64: "int64",
    pl.String: "string",
}


def render_markdown() -> str:
    """The whole page."""
    return "\n".join([_PREFACE, *map(_section, TABLES.values())])


def name_type(dtype: pl.DataType) -> str:
    """A type as a reader of any tool knows it: `list<struct<feature: string, …>>`."""
    if isinstance(dtype, pl.List):
        return f"list<{name_type(_instance(dtype.inner))}>"
    if isinstance(dtype, pl.Struct):
        fields = (f"{field.name}: {name_type(_instance(field.dtype))}" for field in dtype.fields)
        return f"struct<{', '.join(fields)}>"
    if isinstance(dtype, pl.Datetime):
        return f"timestamp[us{', UTC' if dtype.time_zone else ''}]"
    return _NAMES[type(dtype)]


def signature() -> dict[str, dict[str, list[str]]]:
    """What users' programs rely on: type, nullability and unit of each column of each table."""
    return {
        name: {
            each.name: [name_type(each.dtype), "null" if each.nullable else "", each.unit]
            for each in table.columns
        }
        for name, table in TABLES.items()
    }


def render_golden() -> str:
    """The signature as JSON, a column a line."""
    tables = (
        f"{json.dumps(name)}: {{\n"
        + ",\n".join(
            f" {json.dumps(column)}: {json.dumps(said)}" for column, said in columns.items()
        )
        + "\n}"
        for name, columns in signature().items()
    )
    return "{\n" + ",\n".join(tables) + "\n}\n"


def _section(table: Table) -> str:
    lines = [
        f"## {table.name}",
        "",
        f"One row for {table.one_row_for}. Sorted: {table.order}.",
        "",
        "| column | type | unit | null | meaning | example |",
        "|---|---|---|---|---|---|",
        *_leading(table),
        *map(_row, table.columns),
        "",
    ]
    return "\n".join(lines)


def _leading(table: Table) -> Iterator[str]:
    if table.leads_with_event:
        yield (
            "| *the pipeline's key columns* | their own | | yes | "
            "`event.key`: together they name the event. | `513102`, `21232`, `3` |"
        )
        yield (
            "| *its entity columns* | their own | | yes | "
            "`event.entities`, those not in the key: who or what takes part. | `17850` |"
        )


def _row(column: Column) -> str:
    example = f"`{column.example}`".replace("|", "\\|") if column.example else ""
    cells = (
        f"`{column.name}`",
        f"`{name_type(column.dtype)}`",
        column.unit,
        "yes" if column.nullable else "no",
        column.meaning,
        example,
    )
    return f"| {' | '.join(cells)} |".replace("  ", " ")


def _instance(dtype: PolarsDataType) -> pl.DataType:
    return dtype() if isinstance(dtype, type) else dtype


if __name__ == "__main__":
    golden = sys.argv[1:] == ["golden"]
    print((render_golden() if golden else render_markdown()).rstrip("\n"))
