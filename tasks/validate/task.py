"""Applies mends, runs the suites, splits the rows, opens or closes the gate."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

import polars as pl

from expectations.check import Surroundings
from expectations.suite import Suite
from tasks.core.artifacts import Landed, Quality, Quarantined, Ref, Valid
from tasks.core.quarantine import LINE, SCHEMA, SOURCE
from tasks.core.results import Ingested, Validated
from tasks.core.run import Run
from tasks.core.store import table_uri
from tasks.task import stage
from tasks.validate import quality
from tasks.validate.config import SuiteSource, ValidationConfig
from tasks.validate.errors import ValidationFailedError
from tasks.validate.gate import STAGE, Judgement, causes, judge, pass_through
from tasks.validate.mends import Mended, amend, apply
from tasks.validate.suites import faults_told, load

NO_HISTORY: Mapping[str, Sequence[int]] = MappingProxyType({})


@stage(STAGE)
def validate(
    run: Run,
    config: ValidationConfig,
    suites: Mapping[str, SuiteSource],
    tables: Mapping[str, Ref[Landed]],
    row_counts: Mapping[str, Sequence[int]] = NO_HISTORY,
    absent: Collection[str] = (),
) -> Validated:
    """Split the landed tables of a batch into valid rows and quarantine.

    Args:
        run: the run.
        config: when the gate closes.
        suites: suite of each table; a table without one passes whole.
        tables: the landed tables.
        row_counts: rows of each table on earlier nights, for checks against history.
        absent: tables of the pipeline that this batch does not land; references to them that
            only record are left out.

    Raises:
        GateClosedError: a critical expectation failed that holds no rows back, a check could not
            be made, or too many rows would be held back. Carries quality, quarantine and ledger.
        ConfigError: a suite is at fault.
    """
    suites_read = _read(run, config, suites, tables, absent)
    judgements = _judge_all(run, config, suites_read, tables, row_counts)
    found = quality.to_frame((j.table, result) for j in judgements for result in j.results)
    quality_ref = run.write_table(Quality, found, _uri("quality", run, "data_quality"))
    held = tuple(_write_quarantine(run, j) for j in judgements if j.held)
    if why := causes(judgements):
        error = _closed(why, judgements)
        error.quality, error.quarantine = quality_ref, held
        raise error
    valid = {
        j.table: run.write_table(Valid, j.valid, _uri("valid", run, j.table)) for j in judgements
    }
    return Validated(valid, held, quality_ref, tuple(j.ledger(is_open=True) for j in judgements))


def _read(
    run: Run,
    config: ValidationConfig,
    suites: Mapping[str, SuiteSource],
    tables: Mapping[str, Ref[Landed]],
    absent: Collection[str],
) -> dict[str, Suite]:
    return {
        name: load(suites[name], config, run.batch).without_references_to(absent)
        for name in tables
        if name in suites
    }


@stage("mend")
def mend(run: Run, name: str, ingested: Ingested, mends: Ref[Mended]) -> Ingested:
    """Apply the mends of a batch to one landed source.

    Args:
        run: the run.
        name: the source.
        ingested: what `ingest` made of it.
        mends: the mends of the batch, of any source.

    Returns:
        The source as if it had said what the mends say; what `ingest` wrote where no mend is its.

    Raises:
        DataError: a mend no longer fits its row.
    """
    wanted = run.scan(mends).filter(table=name).collect()
    if not wanted.height:
        return ingested
    nothing = pl.DataFrame(schema=SCHEMA)
    held = run.scan(ingested.quarantine).collect() if ingested.quarantine else nothing
    mended = apply(name, run.scan(ingested.table), held, wanted)
    # the table as it was is being read while this one is written
    table = run.write_table(Landed, mended.rows, _uri("landed", run, name, "mended.parquet"))
    uri = _uri("quarantine", run, name, "ingest-mended.parquet")
    left = run.write_table(Quarantined, mended.held, uri) if mended.held.height else None
    return Ingested(table, left, amend(ingested.ledger, mended.added), ingested.new_columns)


def _judge_all(
    run: Run,
    config: ValidationConfig,
    suites: Mapping[str, Suite],
    tables: Mapping[str, Ref[Landed]],
    row_counts: Mapping[str, Sequence[int]],
) -> list[Judgement]:
    landed = {name: run.scan(ref) for name, ref in tables.items()}
    others = {name: rows.drop(SOURCE, LINE) for name, rows in landed.items()}
    judgements = []
    for name, rows in landed.items():
        if name in suites:
            around = Surroundings(others, row_counts.get(name, ()))
            with faults_told():
                judgements.append(
                    judge(name, rows, suites[name], around, config.max_quarantined_share)
                )
        else:
            judgements.append(pass_through(name, rows, tables[name].rows))
    return judgements


def _write_quarantine(run: Run, judgement: Judgement) -> Ref[Quarantined]:
    uri = _uri("quarantine", run, judgement.table, f"{STAGE}.parquet")
    return run.write_table(Quarantined, judgement.quarantine, uri)


def _closed(why: Sequence[str], judgements: Iterable[Judgement]) -> ValidationFailedError:
    error = ValidationFailedError(
        "data that meet every critical expectation",
        found="\n          ".join(why),
        where=", ".join(j.table for j in judgements if j.causes),
        do="Mend the source and run the date again; or, if the data are right, mend the suite.",
    )
    error.ledger = tuple(j.ledger(is_open=False) for j in judgements)
    return error


def _uri(layer: str, run: Run, table: str, name: str = "part-0.parquet") -> str:
    return table_uri(layer, run.pipeline, table, run.batch, name)
