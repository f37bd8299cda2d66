"""What follows a published night or training: it may fail, and undoes nothing.

What is published stands. What could not be done after it is told in the run's row of `runs`, on
its page and by the flow, and is done by the next run or by a command.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from flows import delta, pruning
from flows.changes import keep_changes
from flows.clock import attempt_name
from flows.pipeline import Pipeline
from flows.publishing import refresh_index
from flows.watching import tell_drift, tell_drifts
from tasks.core.commit import commit, last_commit, open_run
from tasks.core.errors import LamplighterError
from tasks.core.store import table_uri
from tasks.models.aliases import BATCH
from tasks.report.task import publish_afterwards

_WAIT_SECONDS = 60.0

Step = tuple[str, Callable[[], object]]


def follow_night(pipeline: Pipeline, day: dt.date) -> tuple[str, ...]:
    """Do what follows a published night; what could not be done, one sentence each."""
    step: Step = ("Nobody was told of drift", partial(tell_drift, pipeline, day))
    told = _after_night(pipeline, day, [step])
    # The page over all nights shows what the last night says of itself: it comes last.
    return (*told, *_try([_index(pipeline)]))


def follow_night_of_range(pipeline: Pipeline, day: dt.date) -> tuple[str, ...]:
    """The same of a night in a range; what concerns them all follows its end."""
    return _after_night(pipeline, day, [])


def _after_night(pipeline: Pipeline, day: dt.date, also: Sequence[Step]) -> tuple[str, ...]:
    steps: tuple[Step, ...] = (
        ("The night was not compared with the one before", partial(keep_changes, pipeline, [day])),
        *also,
        ("What has aged was not taken away", partial(pruning.after_night, pipeline)),
        _delta(pipeline),
    )
    told = tuple(_try(steps))
    return (*told, *_note(pipeline, str(day), str(day), ("night.parquet", "report.html"), told))


def follow_range(pipeline: Pipeline, days: Sequence[dt.date]) -> tuple[str, ...]:
    """Do what follows a range of nights; what could not be done, one sentence each."""
    steps: tuple[Step, ...] = (
        ("Nights were not compared with those before", partial(keep_changes, pipeline, days)),
        ("Nobody was told of drift", partial(tell_drifts, pipeline, days)),
        _index(pipeline),
    )
    return tuple(_try(steps))


def follow_training(pipeline: Pipeline, known_by: str) -> tuple[str, ...]:
    """Do what follows a registered model; what could not be done, one sentence each."""
    told = tuple(_try([_delta(pipeline)]))
    names = "training.parquet", "training.html"
    return (*told, *_note(pipeline, BATCH, known_by, names, told))


def follow_monitoring(pipeline: Pipeline) -> tuple[str, ...]:
    """Do what follows realised quality: show it over all nights, and in the Delta tables."""
    return tuple(_try([_delta(pipeline), _index(pipeline)]))


def _index(pipeline: Pipeline) -> Step:
    return "The page over all nights is not up to date", partial(refresh_index, pipeline)


def _delta(pipeline: Pipeline) -> Step:
    what = f"Delta tables were behind at the end (lamplighter delta {pipeline.name} catches up)"
    return what, partial(delta.roll_forward, pipeline)


def _try(steps: Iterable[Step]) -> Iterator[str]:
    """Take each step, whatever became of the ones before; sentences of what went wrong."""
    for what, step in steps:
        try:
            told = step()
        except LamplighterError as error:
            found = f"required {error.required}; found {error.found}"
            yield f"{what}: {found}; where {error.where}" if error.where else f"{what}: {found}"
        except OSError as error:
            yield f"{what}: {type(error).__name__}: {error.strerror} ({error.filename})"
        else:
            yield from told if isinstance(told, (list, tuple)) else ()


def _note(
    pipeline: Pipeline, batch: str, day: str, names: tuple[str, str], sentences: tuple[str, ...]
) -> tuple[str, ...]:
    """Have a published run's row and page say what could not be done after it."""
    if not sentences:
        return ()
    step: Step = (
        "This is not in the run's record",
        partial(_amend, pipeline, batch, day, names, sentences),
    )
    return tuple(_try([step]))


def _amend(
    pipeline: Pipeline, batch: str, day: str, names: tuple[str, str], sentences: tuple[str, ...]
) -> None:
    store, name = pipeline.store, pipeline.name
    row, page = (
        table_uri("reports", name, table, day, file)
        for table, file in zip(("runs", "report"), names, strict=True)
    )
    with open_run(store, name, batch, attempt_name(), _WAIT_SECONDS) as run:
        record = last_commit(store, name, batch)
        files = {ref.uri: run.keep(ref) for ref in record.files} if record else {}
        if record is None or row not in files or page not in files:
            return  # it was run again or taken away meanwhile, and says so itself
        publish_afterwards(run, files[row], files[page], sentences)
        commit(run, record.facts)
