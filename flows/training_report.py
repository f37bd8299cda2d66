"""The end of a training: its report, and the commit that makes its model the champion."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

from flows import clock
from flows.costs import Costs
from flows.pipeline import Pipeline
from flows.provenance import commit_facts, provenance
from flows.proving import proved_sentence
from tasks.core.artifacts import Report
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import DataError, IntegrityError
from tasks.core.results import LedgerLine, Selection
from tasks.core.run import Run
from tasks.core.treatments import Treated
from tasks.models.aliases import UNSELECTED, find_aliases
from tasks.models.records import Trained, TrainingReference
from tasks.report.records import RunRecord, TrainingReport
from tasks.report.task import publish_run, publish_training, publish_verdicts
from tasks.train.checkpoint import clear_checkpoints
from tasks.train.register import AT_ONCE, Standing


@dataclass(frozen=True, slots=True)
class Training:
    """What became of a training.

    Args:
        trained: the model with its figures.
        selection: the candidates with their verdicts.
        rows: examples it was trained and measured on.
        gaps: dates the window lacks, with the reason.
        report: URI of its page.
        standing: whether it serves, and why.
        warnings: features that know the answer, folds without measures, and what could not be done
            after it was registered, one sentence each.
    """

    trained: Trained
    selection: Selection
    rows: int
    gaps: tuple[str, ...]
    report: str
    standing: Standing = AT_ONCE
    warnings: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """What a program reads of it."""
        reference = self.trained.reference
        return {
            "version": self.trained.version,
            "champion": self.standing.champion,
            "standing": self.standing.order.why,
            "run_id": reference.run_id,
            "first_date": reference.first_date,
            "last_date": reference.last_date,
            "known_by": reference.known_by,
            "examples": self.rows,
            "features": list(self.selection.features),
            "metrics": [asdict(metric) for metric in self.trained.metrics],
            "failure": self.trained.failure,
            "gaps": list(self.gaps),
            "warnings": list(self.warnings),
            "report": self.report,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the stages of a training made.

    Args:
        trained: the model with its figures.
        selection: the candidates with their verdicts.
        treated: the treatments of columns.
        ledger: every stage's lines, in the order the stages ran.
        standing: whether it serves, and why.
        noticed: what a person has to look at, one sentence each.
    """

    trained: Trained
    selection: Selection
    treated: tuple[Treated, ...]
    ledger: tuple[LedgerLine, ...]
    standing: Standing = AT_ONCE
    noticed: tuple[str, ...] = ()


def keep_reports(run: Run) -> None:
    """Have a training's commit keep the reports of the trainings before it."""
    record = last_commit(run.store, run.pipeline, run.batch)
    for ref in record.files if record else ():
        if ref.stage == Report.__name__.lower():
            # A damaged report of an earlier training must not stop this one.
            with contextlib.suppress(IntegrityError):
                run.keep(ref)


def publish_unselected(
    run: Run, pipeline: Pipeline, selection: Selection, reference: TrainingReference
) -> NoReturn:
    """Publish the verdicts of a training in which no feature beat chance, and end it.

    They lie below `incidents/`, in a commit of their own: the champion stays and goes on scoring.

    Raises:
        DataError: always.
    """
    made = provenance(pipeline, reference.known_by, reference.inputs, known_as=reference.run_id)
    unit = f"{UNSELECTED}{reference.known_by}"
    with open_run(run.store, pipeline.name, unit, clock.attempt_name()) as aside:
        table = publish_verdicts(aside, selection, made)
        commit(aside, commit_facts(made, "incident", ()))
    level = pipeline.config.selection.alpha
    models = last_commit(run.store, pipeline.name, run.batch)
    has_champion = find_aliases(run.store, models) is not None
    raise DataError(
        f"a feature that tells labels better than chance, at level {level}",
        found=f"none of {len(selection.verdicts)} candidates, by {selection.method}; "
        + (
            "the champion goes on scoring"
            if has_champion
            else "there is no model, and no night is scored before a training that finds one"
        ),
        where=str(run.store.path(table.uri)),
        do="Train on a longer window, add features, name some in selection.keep, "
        "or train on all of them with selection.if_none: all.",
    )


def publish_trained(run: Run, pipeline: Pipeline, outcome: Outcome, costs: Costs) -> str:
    """Report a training and commit it.

    Returns:
        URI of its page.
    """
    trained, ledger = outcome.trained, outcome.ledger
    reference = trained.reference
    made = provenance(
        pipeline, reference.known_by, reference.inputs, trained.version, reference.run_id
    )
    warnings = (*_warnings(trained, outcome.selection, outcome.standing), *outcome.noticed)
    report = TrainingReport(
        made,
        trained,
        outcome.selection,
        ledger,
        warnings,
        outcome.treated,
        proved_sentence(pipeline),
    )
    page = publish_training(run, report)
    record = RunRecord(
        provenance=made,
        kind="training",
        status="done",
        started_at=costs.started_at,
        ended_at=clock.now(),
        stages=tuple(costs.stages),
        rows_in=ledger[0].rows_in,
        reason=trained.failure,
        watts_per_core=pipeline.config.monitoring.watts_per_core,
    )
    publish_run(run, record)
    commit(run, commit_facts(made, "training", ledger))
    clear_checkpoints(run.store, run.pipeline)
    return page.uri


def suspicions(selection: Selection) -> tuple[str, ...]:
    """Which features tell the label by themselves, one sentence each."""
    return tuple(
        f"{feature} tells the label by itself (ROC AUC {area:.4f} alone): if it is written after "
        "the answer is known, take it out, or the model is worth nothing on a new night"
        for feature, area in selection.telling
    )


def _warnings(trained: Trained, selection: Selection, standing: Standing) -> Iterator[str]:
    if not standing.champion:
        yield f"The champion stays, this model challenges it: {standing.order.why}"
    if trained.failure:
        yield f"The deep model failed: {trained.failure}"
    if trained.not_begun:
        yield f"training.warm_start: no training began from the champion: {trained.not_begun}"
    if selection.for_want_of_better:
        yield "No feature beat chance; the model is fitted on all candidates"
