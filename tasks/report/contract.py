"""The public contract of the tables: every column's name, type, unit and meaning.

What is declared here is what users' programs are written against. `tests/golden/tables-N.json` is
the contract of version N. Whoever changes a name, a type, a unit or a nullability makes `VERSION`
N + 1, unless it is so already, and names the column in the changelog; a test holds them to it. A
release makes the new golden file: `python -m tasks.report.document golden`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.report.columns import Table
from tasks.report.model_tables import FEATURES_SELECTED, MODEL_METRICS, PREPARATION, TRIALS
from tasks.report.night_tables import DATA_QUALITY, LEDGER, QUARANTINE, RUNS
from tasks.report.scored_tables import ALERTS, SCORES
from tasks.report.watch_tables import CHANGES, DRIFT, REALISED

VERSION = "3"

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        SCORES,
        ALERTS,
        QUARANTINE,
        DATA_QUALITY,
        LEDGER,
        PREPARATION,
        FEATURES_SELECTED,
        MODEL_METRICS,
        DRIFT,
        TRIALS,
        CHANGES,
        REALISED,
        RUNS,
    )
}
