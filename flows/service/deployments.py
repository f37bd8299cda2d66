"""Every pipeline file as deployments of a server: nightly, train, backfill, monitor, promote."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import PrefectHTTPStatusError
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows import clock
from flows.backfill import backfill
from flows.monitoring import TRAINING_DUE, monitor
from flows.nightly import nightly
from flows.pipeline import Pipeline, load, variable
from flows.promotion import promote
from flows.service.automations import keep_automations
from flows.service.identity import AT, Identity
from flows.service.missing import note_scheduled
from flows.service.places import Places
from flows.service.pool import keep_pool
from flows.service.settings import CLIENTS, FOR_RUNS, TAG
from flows.service.stale import owned, remove
from flows.training import train
from tasks.core.errors import ConfigError
from tasks.labels.config import NoLabel

_NIGHT = "night"
# One run at a time. After an outage several nights are due at once: the others wait, none is lost.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
)


@dataclass(frozen=True, slots=True)
class Deployed:
    """The full names of the deployments that were made, and of those that were taken away."""

    made: tuple[str, ...]
    removed: tuple[str, ...]


def deploy(files: Iterable[Path], identity: Identity, own_server: bool) -> Deployed:
    """Have a server hold the deployments of these files, and of this folder no other.

    Doing it again changes nothing. A schedule that somebody paused in the UI stays paused.

    Args:
        files: the pipeline files of the folder.
        identity: of the folder.
        own_server: whether the server is the folder's.

    Raises:
        ConfigError: a pipeline file is wrong, two pipelines have one name, another folder has the
            work pool, or the server asks for a password that was not told.
    """
    pipelines = _apart(load(str(file)) for file in files)
    with _let_in(), get_client(sync_client=True) as client:
        keep_pool(client, identity)
        found = owned(client, identity, own_server)
        paused = _paused(found)
        made = [each for one in pipelines for each in _deployments(one, identity, paused)]
        keep_automations()
        for deployment in made:
            deployment.apply()
        names = tuple(deployment.full_name for deployment in made)
        flows = {each.id: client.read_flow(each.flow_id).name for each in found}
        stale = {f"{flows[each.id]}/{each.name}": each for each in found}
        for name in names:
            stale.pop(name, None)
        remove(client, stale.values(), identity)
    note_scheduled(Places(identity.folder), [one.name for one in pipelines], clock.now())
    return Deployed(names, tuple(stale))


@contextmanager
def _let_in() -> Iterator[None]:
    """Say what a server that asks who this is wants to be told."""
    try:
        yield
    except PrefectHTTPStatusError as error:
        if error.response.status_code not in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise
        raise ConfigError(
            "the password of the Prefect server",
            found=f"{CLIENTS} is {'another' if variable(CLIENTS) else 'not set'}",
            where=str(error.request.url.copy_with(path="/api")),
            do=f"export {CLIENTS}=user:password, as the server has it; of a server that `up` "
            "started in another folder: the line in that folder's .lamplighter/password.",
        ) from None


def _apart(pipelines: Iterable[Pipeline]) -> tuple[Pipeline, ...]:
    """The pipelines, no two of one name: the second one's deployments would replace the first's."""
    found: dict[str, Pipeline] = {}
    for pipeline in pipelines:
        if other := found.get(pipeline.name):
            raise ConfigError(
                "pipelines of different names in one folder",
                found=f"two named {pipeline.name}",
                where=f"{other.file.path}, {pipeline.file.path}",
                do="Give one of them another name, or move it out of the folder.",
            )
        found[pipeline.name] = pipeline
    return tuple(found.values())


def _paused(found: Iterable[DeploymentResponse]) -> frozenset[str]:
    """The pipelines whose nights somebody paused."""
    return frozenset(
        each.name.partition(AT)[0]
        for each in found
        if any(schedule.slug == _NIGHT and not schedule.active for schedule in each.schedules)
    )


def _deployments(
    pipeline: Pipeline, identity: Identity, paused: Container[str] = ()
) -> Iterator[RunnerDeployment]:
    config, file = pipeline.config, str(Path(pipeline.file.path).absolute())
    deployment = partial(_deployment, pipeline, identity)
    # An active schedule in what is applied would wake one that somebody paused.
    active = pipeline.name not in paused
    night = Cron(config.schedule, timezone=config.timezone, slug=_NIGHT, active=active)
    yield deployment(nightly, {"pipeline": file, "date": None}, night)
    due = DeploymentEventTrigger(
        name=f"{identity.deployment(pipeline.name)}: train when due",
        expect={TRAINING_DUE},
        match={"prefect.resource.id": identity.resource(pipeline.name)},
        # By what was known on the date that was looked at, which a run by hand may have named.
        parameters={"date": {"__prefect_kind": "jinja", "template": "{{ event.payload.date }}"}},
    )
    yield deployment(train, {"pipeline": file, "date": None}, after=due)
    yield deployment(backfill, {"pipeline": file})
    yield deployment(promote, {"pipeline": file})
    if isinstance(config.label, NoLabel):
        return  # nothing tells what its nights were worth
    after = _after(nightly.name, identity.deployment(pipeline.name))
    yield deployment(monitor, {"pipeline": file, "date": None}, after=after)


def _deployment(
    pipeline: Pipeline,
    identity: Identity,
    flow: object,
    parameters: dict[str, str | None],
    schedule: Schedule | None = None,
    after: DeploymentEventTrigger | None = None,
) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,  # type: ignore[arg-type]  # a Flow of any signature
        name=identity.deployment(pipeline.name),
        schedule=schedule,
        parameters=parameters,
        triggers=[after] if after else [],
        tags=[TAG],
        concurrency_limit=_ONE_AT_A_TIME,
        work_pool_name=identity.name,
        job_variables={"env": FOR_RUNS, "working_dir": str(pipeline.folder)},
        # Found from a wheel and from a checkout alike, whatever folder the worker runs in.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _after(flow: str, deployment: str) -> DeploymentEventTrigger:
    """When a run of a deployment of a flow was completed."""
    return DeploymentEventTrigger(
        name=f"{deployment}: monitor after {flow}",
        expect={"prefect.flow-run.Completed"},
        match_related=[
            {"prefect.resource.role": "flow", "prefect.resource.name": flow},
            {"prefect.resource.role": "deployment", "prefect.resource.name": deployment},
        ],
    )
