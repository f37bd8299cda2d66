"""Where a run's partitions are computed, opened for as long as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from flows.compute_config import LocalCompute
from flows.libraries import configure_libraries
from flows.pipeline import Pipeline
from tasks.core.executor import Processes
from tasks.core.run import Run


@contextmanager
def computing(pipeline: Pipeline, run: Run) -> Iterator[Pipeline]:
    """The pipeline with its executor, as its file or the run's form says, while the block runs.

    Raises:
        ConfigError: the package that it needs is not installed.
        ComputeError: the cluster does not answer, or one of its workers is not fit.
    """
    asked = pipeline.config.compute
    if isinstance(asked, LocalCompute):
        if asked.workers == 1:
            yield pipeline
            return
        with closing(Processes(asked.workers, configure_libraries)) as processes:
            yield replace(pipeline, executor=processes)
        return
    from flows.cluster import connected

    with connected(asked, run, pipeline.folder) as cluster:
        yield replace(pipeline, executor=cluster)
