"""The ledger: what became of every row, and the check that it adds up."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from tasks.core.errors import LedgerError
from tasks.core.results import LedgerLine

SCHEMA: dict[str, pl.DataType] = {
    "stage": pl.String(),
    "table": pl.String(),
    "rows_in": pl.Int64(),
    "rows_out": pl.Int64(),
    "quarantined": pl.Int64(),
    "rejected": pl.Int64(),
    "rejected_reasons": pl.List(pl.Struct({"reason": pl.String(), "rows": pl.Int64()})),
}


def check_balance(lines: Iterable[LedgerLine]) -> None:
    """Hold that each line balances, and that each stage took what the one before passed on.

    Args:
        lines: in the order the stages ran.

    Raises:
        LedgerError: rows in are not rows out + quarantined + rejected, or rows got lost on the
            way from one stage to the next.
    """
    passed_on: dict[str, LedgerLine] = {}
    for line in lines:
        accounted = line.rows_out + line.quarantined + sum(line.rejected.values())
        if line.rows_in != accounted:
            raise LedgerError(
                f"{line.rows_in} rows accounted for",
                found=f"{line.rows_out} passed on, {line.quarantined} quarantined, "
                f"{sum(line.rejected.values())} rejected: {accounted}",
                where=f"stage {line.stage}, table {line.table}",
                do="This is a defect of the stage: please report it with this message.",
            )
        before = passed_on.get(line.table)
        if before is not None and before.rows_out != line.rows_in:
            raise LedgerError(
                f"the {before.rows_out} rows that {before.stage} passed on",
                found=f"{line.rows_in} rows taken",
                where=f"stage {line.stage}, table {line.table}",
                do="This is a defect of the stage: please report it with this message.",
            )
        passed_on[line.table] = line


def to_frame(lines: Iterable[LedgerLine]) -> pl.DataFrame:
    """The lines as a table, one row each, in order."""
    return pl.DataFrame(
        [
            {
                "stage": line.stage,
                "table": line.table,
                "rows_in": line.rows_in,
                "rows_out": line.rows_out,
                "quarantined": line.quarantined,
                "rejected": sum(line.rejected.values()),
                "rejected_reasons": [
                    {"reason": reason, "rows": rows}
                    for reason, rows in sorted(line.rejected.items())
                ],
            }
            for line in lines
        ],
        schema=SCHEMA,
    )
