"""A cluster of Dask as an executor of partitions.

Dask runs whatever it is sent, so who reaches a scheduler can do all that its workers can: a cluster
of this machine listens on loopback alone, and takes only those who hold the certificate that was
made for it; it serves no page.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flows.compute_config import DaskCompute
from tasks.core.errors import ComputeError, ConfigError
from tasks.core.files import make_folder
from tasks.core.keys import code_digest
from tasks.core.run import Run
from tasks.core.versions import versions

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

P = TypeVar("P")
R = TypeVar("R")

_ANSWER_SECONDS = 30.0
_LOOK_SECONDS = 5.0
_NO_WORKERS_SECONDS = 120.0
_SETTINGS: Mapping[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # Dask's default has memory given back after every step of a training: 1.7 times the CPU time.
    "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1},
}


@dataclass(frozen=True, slots=True)
class Fit:
    """What a worker has to have in common with the run.

    Args:
        staging: the folder the run writes in.
        code: digest of Lamplighter's source.
        versions: of the packages that results depend on.
    """

    staging: Path
    code: str
    versions: Mapping[str, str]

    def check(self) -> None:
        """Hold that this process is fit.

        Raises:
            ComputeError: it does not see the store, or runs other code.
        """
        if not self.staging.is_dir():
            raise _unfit(
                f"the run's own folder {self.staging}",
                "no such folder",
                "Mount the store at the same path on every worker, or give `store` as a path that "
                "all of them share.",
            )
        found = versions()
        other = [
            f"{package} {found.get(package)} in place of {version}"
            for package, version in self.versions.items()
            if found.get(package) != version
        ]
        if code_digest() != self.code:
            other.append("other source of Lamplighter")
        if other:
            raise _unfit(
                "the packages of the run",
                ", ".join(other),
                "Install the same release of Lamplighter under the same constraints everywhere.",
            )


def _unfit(required: str, found: str, do: str) -> ComputeError:
    where = f"worker {os.getpid()} on {socket.gethostname()}"
    return ComputeError(f"on every worker {required}", found=found, where=where, do=do)


class Cluster:
    """Computes partitions on the workers of a cluster.

    A partition whose worker is lost is computed by another one.

    Args:
        client: the connection.
        workers: partitions at once.
        fit: what is held of a worker before it computes.
    """

    def __init__(self, client: Client, workers: int, fit: Fit) -> None:
        self.workers = workers
        self.address = str(client.scheduler.address)  # type: ignore[union-attr]  # it is connected
        self._client: Any = client  # half of its methods have no types
        self._fit = fit

    def map(self, work: Callable[[P], R], partitions: Sequence[P]) -> Iterator[R]:
        """See `tasks.core.executor.Executor.map`."""
        futures = self._client.map(
            partial(_compute, self._fit, work), partitions, pure=False, key=work.__name__
        )
        try:
            yield from (self._result(future) for future in futures)
        finally:
            with suppress(Exception):  # the cluster may be gone, and says so at the next partition
                self._client.cancel(futures)

    def check(self) -> None:
        """Hold that every worker is fit.

        Raises:
            ComputeError: one is not, or computes more than one partition at once.
        """
        threads = self._client.nthreads()
        wide = [name for name, count in threads.items() if count > 1]
        if wide or not threads:
            raise ComputeError(
                "workers of one thread each: results may depend on what else a process computes",
                found=f"{threads[wide[0]]} threads in {wide[0]}" if wide else "no workers",
                where=self.address,
                do="Start them by `dask worker ADDRESS --nworkers N --nthreads 1`.",
            )
        self._client.run(self._fit.check)

    def _result(self, future: Any) -> Any:
        """What came of a partition, while there are workers."""
        from concurrent.futures import CancelledError

        from dask.distributed import TimeoutError as NotYetError
        from distributed.scheduler import KilledWorker

        lost_since: float | None = None
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except NotYetError:
                now = time.monotonic()
                lost_since = None if self._client.nthreads() else lost_since or now
                if lost_since and now - lost_since > _NO_WORKERS_SECONDS:
                    raise self._gone("no workers for two minutes") from None
            except KilledWorker as error:
                raise self._gone(f"{error.allowed_failures + 1} died of one partition") from error
            except (CancelledError, OSError) as error:
                raise self._gone(f"the connection is lost: {error}") from error

    def _gone(self, found: str) -> ComputeError:
        return ComputeError(
            "workers that compute the partitions",
            found=found,
            where=self.address,
            do="Look at the logs of the workers, for want of memory first of all; run again.",
        )


def _compute(fit: Fit, work: Callable[[P], R], partition: P) -> R:
    fit.check()  # a worker may have joined after the others were looked at
    return work(partition)


@contextmanager
def connected(asked: DaskCompute, run: Run, folder: Path) -> Iterator[Cluster]:
    """A cluster, every worker of it fit.

    Args:
        asked: which.
        run: what it computes for.
        folder: what paths of certificates are relative to.
    """
    try:
        import dask
        import distributed
    except ImportError as error:
        raise ConfigError(
            "the package distributed",
            found=f"none: {error}",
            where="compute.kind: dask",
            do="Install it here and on every worker: pip install 'lamplighter[dask]'",
        ) from error
    make_folder(run.staging)
    fit = Fit(run.staging.absolute(), code_digest(), versions())
    with dask.config.set(_SETTINGS), _warnings_only(), ExitStack() as opened:
        try:
            client = opened.enter_context(_client(distributed, asked, folder, opened))
        except (OSError, TimeoutError) as error:
            raise ComputeError(
                f"a scheduler that answers within {_ANSWER_SECONDS:g} s",
                found=str(error),
                where=f"compute.address {asked.address}",
                do="Start it by `dask scheduler`, or correct the address or the certificates.",
            ) from error
        cluster = Cluster(client, asked.workers or len(client.nthreads()), fit)
        cluster.check()
        yield cluster


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Keep the log of a run from each step of the connection."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


def _client(distributed: Any, asked: DaskCompute, folder: Path, opened: ExitStack) -> Client:
    if asked.address is not None:
        made: Client = distributed.Client(
            asked.address,
            security=_security(distributed, asked, folder),
            timeout=_ANSWER_SECONDS,
            set_as_default=False,
        )
        return made
    count = asked.workers or len(os.sched_getaffinity(0))
    security = distributed.Security.temporary()
    loopback = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
    local = opened.enter_context(
        distributed.LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            protocol="tls://",
            security=security,
            scheduler_kwargs=loopback,
            worker_dashboard_address=None,
            memory_limit=None,  # those of the system hold, as for every other process of a run
            silence_logs=logging.CRITICAL,  # what befalls a partition is raised here
        )
    )
    of_local: Client = distributed.Client(local, security=security, set_as_default=False)
    return of_local


def _security(distributed: Any, asked: DaskCompute, folder: Path) -> Security | None:
    if asked.tls is None:
        return None
    for file in asked.tls.files:
        if not (folder / file).is_file():
            raise ConfigError(
                "a file in PEM",
                found="none",
                where=f"compute.tls: {folder / file}",
                do="Correct the path; relative ones begin where the pipeline file lies.",
            )
    ca, certificate, key = (str(folder / file) for file in asked.tls.files)
    made: Security = distributed.Security(
        require_encryption=True,
        tls_ca_file=ca,
        tls_client_cert=certificate,
        tls_client_key=key,
    )
    return made
