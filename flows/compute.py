"""Where a run's partitions are computed, opened for as long as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from flows.compute_config import ComputeConfig, LocalCompute
from flows.libraries import configure_libraries
from flows.pipeline import Pipeline
from tasks.core.executor import IN_TURN, Executor, Processes
from tasks.core.run import Run


@contextmanager
def computing(pipeline: Pipeline, run: Run) -> Iterator[Pipeline]:
    """The pipeline with its executor while the block runs; see `opened`."""
    with opened(pipeline.config.compute, run, pipeline.folder) as executor:
        yield replace(pipeline, executor=executor)


@contextmanager
def opened(asked: ComputeConfig, run: Run, folder: Path) -> Iterator[Executor]:
    """The executor that a pipeline file, or the form of a run, asks for.

    Args:
        asked: which.
        run: the run that it computes for.
        folder: what relative paths of certificates are relative to.

    Raises:
        ConfigError: the package that it needs is not installed.
        ComputeError: the cluster does not answer, or one of its workers is not fit.
    """
    if isinstance(asked, LocalCompute):
        if asked.workers == 1:
            yield IN_TURN
            return
        with closing(Processes(asked.workers, configure_libraries)) as processes:
            yield processes
        return
    from flows.cluster import connected

    with connected(asked, run, folder) as cluster:
        yield cluster
