"""What a flow hands over to be reported: references and small facts, no frames."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tasks.core.artifacts import Drift, Quality, Quarantined, Ref, Report
from tasks.core.event import EventConfig
from tasks.core.results import LedgerLine, Scored, Selection
from tasks.core.treatments import Treated
from tasks.models.records import Curve, Metric, Trained
from tasks.report.config import ReportConfig

if TYPE_CHECKING:
    from tasks.task import StageTiming

Kind = Literal["night", "training", "landing"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """What an outcome depends on; nothing of it depends on when it was computed.

    Args:
        run_id: the run, named by its content (`tasks.core.keys.run_id`).
        pipeline: the pipeline.
        batch_date: the business date, ISO.
        config_sha256: digest of the pipeline's configuration and suites.
        code_sha256: digest of the code.
        model_version: the model that scored, or that was trained; empty where there is none.
        inputs: SHA-256 of each file read, by URI.
        versions: version of each package the outcome depends on, by name.
    """

    run_id: str
    pipeline: str
    batch_date: str
    config_sha256: str
    code_sha256: str
    model_version: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution in equal or unequal bins.

    Args:
        edges: (n_bins + 1,), ascending.
        counts: (n_bins,).
    """

    edges: tuple[float, ...]
    counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NightReport:
    """One night, ready to be published.

    Args:
        provenance: what it depends on.
        event: the rows that are scored; names the key and entity columns of the tables.
        scored: the scores.
        quality: one row for each expectation.
        quarantine: the rows held back, one table for each stage and source that held some.
        ledger: every stage's lines, in the order the stages ran.
        selection: the model's features.
        metrics: the model's measures on its test part.
        curves: the model's curves on its test part.
        rule: the decision rule in words: `at most 40 alerts a day`.
        training_scores: spread of the calibrated probabilities of the training's test part; None
            where the model keeps none.
        usual: the range between the 5th and 95th percentile of a feature in training, by name.
        treated: the treatments of columns, with the rows of the night they touched.
        drift: how far features and scores are from the training; None where nobody measured it.
        warnings: what a reader should know before trusting the night, one sentence each.
        proof: whether features were proved to see the past only; empty where nothing was tried.
        exploration: what alerts drawn by lot cost and found so far; empty where none were.
        as_of: whether the champion that the date had was asked for.
        config: how it is told.
    """

    provenance: Provenance
    event: EventConfig
    scored: Scored
    quality: Ref[Quality]
    quarantine: tuple[Ref[Quarantined], ...]
    ledger: tuple[LedgerLine, ...]
    selection: Selection
    rule: str
    metrics: tuple[Metric, ...] = ()
    curves: tuple[Curve, ...] = ()
    training_scores: Histogram | None = None
    usual: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    treated: tuple[Treated, ...] = ()
    drift: Ref[Drift] | None = None
    warnings: tuple[str, ...] = ()
    proof: str = ""
    exploration: str = ""
    as_of: bool = False
    config: ReportConfig = field(default_factory=ReportConfig)


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """One training, ready to be published.

    Args:
        provenance: what it depends on; its batch date is the last of the training window.
        trained: the model with its measures, curves and history.
        selection: the candidates with their verdicts.
        ledger: every stage's lines, in the order the stages ran.
        warnings: what a reader should know before trusting the model, one sentence each.
        treated: the treatments of columns, with the rows of the training's dates they touched.
        proof: whether features were proved to see the past only; empty where nothing was tried.
        config: how it is told.
    """

    provenance: Provenance
    trained: Trained
    selection: Selection
    ledger: tuple[LedgerLine, ...] = ()
    warnings: tuple[str, ...] = ()
    treated: tuple[Treated, ...] = ()
    proof: str = ""
    config: ReportConfig = field(default_factory=ReportConfig)


@dataclass(frozen=True, slots=True)
class Incident:
    """A night that was stopped: why, and what was known by then.

    Args:
        provenance: what it depends on, as far as it was known.
        stage: the stage that stopped it.
        error: the error's class.
        required: what should have been the case.
        found: what was the case instead.
        where: file, line, key, table or address it concerns.
        do: the next thing a user should try.
        quality: one row for each expectation, where the night got that far.
        ledger: the lines so far, in the order the stages ran.
    """

    provenance: Provenance
    stage: str
    error: str
    required: str
    found: str
    where: str = ""
    do: str = ""
    quality: Ref[Quality] | None = None
    ledger: tuple[LedgerLine, ...] = ()


@dataclass(frozen=True, slots=True)
class NightTables:
    """Published tables of one night, for the page over all nights.

    Args:
        batch_date: the business date, ISO.
        runs: its `runs` table.
        alerts: its `alerts` table.
        data_quality: its `data_quality` table.
        drift: its `drift` table, where it has one.
        realised: its row of `realised`, once it was looked at.
    """

    batch_date: str
    runs: Ref[Report]
    alerts: Ref[Report]
    data_quality: Ref[Report]
    drift: Ref[Report] | None = None
    realised: Ref[Report] | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run for the `runs` table, the only one that holds times.

    Args:
        provenance: what its outcome depends on.
        kind: `night`, `training` or `landing`.
        status: `done`, or `stopped`.
        started_at: in UTC.
        ended_at: in UTC.
        stages: what each stage cost, in the order they ran.
        rows_in: rows taken from the sources.
        rows_quarantined: rows held back.
        rows_scored: events scored.
        alerts: events that became alerts.
        score_source: `champion`, `previous` or `fallback`; empty where nothing was scored.
        as_of: whether the champion that the date had was asked for.
        reason: why a lower rung scored, or why the run was stopped; empty otherwise.
        warnings: what a reader should know before trusting the run.
        watts_per_core: what a busy core is assumed to draw.
    """

    provenance: Provenance
    kind: Kind
    status: Literal["done", "stopped"]
    started_at: dt.datetime
    ended_at: dt.datetime
    stages: tuple[StageTiming, ...] = ()
    rows_in: int = 0
    rows_quarantined: int = 0
    rows_scored: int = 0
    alerts: int = 0
    score_source: str = ""
    as_of: bool = False
    reason: str = ""
    warnings: tuple[str, ...] = ()
    watts_per_core: float = 10.0
