"""Search the settings of the model, on rows before the test part only.

Trials run in rounds, and a round is heard in the order of its numbers: with a budget of trials, the
same input gives the same trials, however fast the machine is and wherever they are computed. What
is finished is kept, so that a tuning that was killed does not try it again.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from pydantic import TypeAdapter, ValidationError

from tasks.core.errors import ModelError
from tasks.core.executor import IN_TURN, Executor, Last
from tasks.core.keys import canonical_json
from tasks.models.base import Checkpoint
from tasks.models.config import ModelConfig
from tasks.models.records import Trial
from tasks.train.tune_config import TuningConfig
from tasks.train.tune_space import Proposal, Search, search_of
from tasks.train.tune_trial import Fold, Outcome, run_trial

_SEEN = 4  # finished trials before one is measured against their middle

Keep = Callable[[str], Checkpoint]


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best configuration, and every trial."""

    model: ModelConfig
    trials: tuple[Trial, ...]


@dataclass(slots=True)
class _Log:
    """What is kept of a tuning: time that passed, settings and outcome of each trial."""

    seconds: float = 0.0
    settings: list[str] = dataclasses.field(default_factory=list)
    outcomes: list[Outcome] = dataclasses.field(default_factory=list)


class Material(Protocol):
    """Names what trials are fitted and judged on; the rows are read by who computes a trial."""

    def read(self) -> Sequence[Fold]:
        """The folds, at least one."""
        ...


@dataclass(frozen=True, slots=True)
class Job:
    """One trial that is to be computed.

    Args:
        material: what it is fitted and judged on.
        proposal: what is tried.
        seed: of the training.
        bars: of each fold (`run_trial`); none where no trial is ended by them.
        keep: name → where a training is kept.
    """

    material: Material
    proposal: Proposal
    seed: int
    bars: Sequence[Sequence[float]]
    keep: Keep


def tune(
    config: TuningConfig,
    material: Material,
    seed: int,
    keep: Keep,
    executor: Executor = IN_TURN,
) -> Tuned:
    """Try configurations within the budget, and choose the one that judges best.

    Args:
        config: method, space and budget.
        material: what trials are fitted and judged on.
        seed: of the search and of each training.
        keep: name → where a training, or the list of trials, is kept.
        executor: where trials are computed.

    Raises:
        ModelError: every trial failed.
    """
    search, checkpoint = search_of(config, seed), keep("trials")
    log = _read(checkpoint.read())
    tried = list[tuple[Proposal, Outcome]]()
    for batch in _rounds(search, config):
        began = time.monotonic()
        outcomes = _known(log, batch)
        if outcomes is None:
            if tried and config.minutes is not None and log.seconds >= 60 * config.minutes:
                break
            bars = _bars([each for _, each in tried]) if config.prune else ()
            jobs = [Job(material, each, seed, bars, keep) for each in batch]
            outcomes = list(executor.map(run_job, jobs))
            log.seconds += time.monotonic() - began
            log.settings += [_written(each) for each in batch]
            log.outcomes += outcomes
            checkpoint.write(canonical_json(dataclasses.asdict(log)))
        for proposal, outcome in zip(batch, outcomes, strict=True):
            search.hear(proposal, outcome.value)
            tried.append((proposal, outcome))
    _folds.forget()
    return _chosen(tried, "folds" if config.folds else "stop")


def run_job(job: Job) -> Outcome:
    """Compute one trial, in whichever process this is."""
    folds, number = _folds(job.material), job.proposal.number
    checkpoints = [job.keep(f"trial-{number}-{fold}") for fold in range(len(folds))]
    bars = job.bars or [()] * len(folds)
    return run_trial(job.proposal.model, folds, job.seed, bars, checkpoints)


def _read_folds(material: Material) -> Sequence[Fold]:
    return material.read()


_folds = Last(_read_folds)


def _rounds(search: Search, config: TuningConfig) -> Iterator[list[Proposal]]:
    """Proposals, as many at a time as are asked, as many in all as the budget has."""
    left = config.trials
    while True:
        count = config.parallel if left is None else min(config.parallel, left)
        batch = list(islice(iter(search.propose, None), count))
        if not batch:
            return
        yield batch
        left = None if left is None else left - len(batch)


def _chosen(tried: Sequence[tuple[Proposal, Outcome]], part: str) -> Tuned:
    values = [
        -np.inf if outcome.value is None or outcome.state != "done" else outcome.value
        for _, outcome in tried
    ]
    best = int(np.argmax(values))
    if values[best] == -np.inf:
        raise ModelError(
            "a trial of the tuning that ends well",
            found=f"none of {len(tried)}: {tried[-1][1].reason}",
            where="tuning.space",
            do="Lower the learning rates of the space where trainings diverged; lengthen "
            "training.window, or lower tuning.folds, where a part has no positive.",
        )
    trials = tuple(
        Trial(
            number=proposal.number,
            model=proposal.model.kind,
            settings=_written(proposal),
            part=part,
            value=outcome.value,
            state=outcome.state,
            epochs=outcome.epochs,
            reason=outcome.reason,
            chosen=place == best,
        )
        for place, (proposal, outcome) in enumerate(tried)
    )
    return Tuned(tried[best][0].model, trials)


def _bars(outcomes: Sequence[Outcome]) -> tuple[tuple[float, ...], ...]:
    """For each fold the middle of the finished trials' best stop metrics, epoch by epoch."""
    bars = list[tuple[float, ...]]()
    done = [each.course for each in outcomes if each.state == "done"]
    for of_fold in zip(*done, strict=True):
        courses = [course for course in of_fold if course]
        if len(courses) < _SEEN:
            bars.append(())
            continue
        length = max(map(len, courses))
        table = [[*course, *[course[-1]] * (length - len(course))] for course in courses]
        bars.append(tuple(float(value) for value in np.median(table, axis=0)))
    return tuple(bars)


def _known(log: _Log, batch: Sequence[Proposal]) -> list[Outcome] | None:
    """The outcomes that an earlier, killed tuning had of a round; None where it had not all."""
    places = [proposal.number for proposal in batch]
    if places[-1] >= len(log.settings):
        return None
    same = all(log.settings[each.number] == _written(each) for each in batch)
    return [log.outcomes[place] for place in places] if same else None


def _read(content: bytes | None) -> _Log:
    try:
        return TypeAdapter(_Log).validate_python(json.loads(content or b"{}"))
    except (ValueError, ValidationError):
        return _Log()


def _written(proposal: Proposal) -> str:
    return canonical_json(proposal.settings).decode()
