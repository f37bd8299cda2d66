"""The public contract of the tables: every column's name, type, unit and meaning.

What is declared here is what users' programs are written against. Whoever changes a name, a type
or a nullability raises `VERSION`; a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Mapping

from tasks.report.columns import Table
from tasks.report.model_tables import FEATURES_SELECTED, MODEL_METRICS, PREPARATION
from tasks.report.night_tables import DATA_QUALITY, LEDGER, QUARANTINE, RUNS
from tasks.report.scored_tables import ALERTS, SCORES

VERSION = "2"

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
        RUNS,
    )
}
