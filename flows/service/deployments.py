"""Every pipeline file as deployments of a server: nightly, train, backfill, monitor, promote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.events import DeploymentEventTrigger
from prefect.exceptions import ObjectNotFound
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from flows.backfill import backfill
from flows.monitoring import TRAINING_DUE, monitor
from flows.nightly import nightly
from flows.pipeline import Pipeline, load
from flows.promotion import promote
from flows.service.automations import keep_automations
from flows.service.settings import FOR_RUNS, POOL, TAG
from flows.training import train
from tasks.core.errors import ConfigError
from tasks.labels.config import NoLabel

_NIGHT = "night"
# One run at a time. After an outage several nights are due at once: the others wait, none is lost.
_ONE_AT_A_TIME = ConcurrencyLimitConfig(
    limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE
)


def deploy(files: Iterable[Path]) -> tuple[str, ...]:
    """Make or renew the pool, the automations and the deployments; doing it again changes nothing.

    A schedule that somebody paused in the UI stays paused.

    Args:
        files: the pipeline files.

    Returns:
        The deployments' full names.

    Raises:
        ConfigError: a pipeline file is wrong, or two pipelines have one name.
    """
    pipelines = _apart(load(str(file)) for file in files)
    made = [deployment for pipeline in pipelines for deployment in _deployments(pipeline)]
    _keep_pool()
    keep_automations()
    for deployment in made:
        deployment.apply()
    return tuple(deployment.full_name for deployment in made)


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


def _keep_pool() -> None:
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(POOL)
        except ObjectNotFound:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))


def _deployments(pipeline: Pipeline) -> Iterator[RunnerDeployment]:
    config, file = pipeline.config, str(Path(pipeline.file.path).absolute())
    # An active schedule in what is applied would wake one that somebody paused.
    active = not _is_paused(f"{nightly.name}/{pipeline.name}")
    night = Cron(config.schedule, timezone=config.timezone, slug=_NIGHT, active=active)
    yield _deployment(nightly, pipeline, {"pipeline": file, "date": None}, night)
    due = DeploymentEventTrigger(
        name=f"{pipeline.name}: train when due",
        expect={TRAINING_DUE},
        match={"prefect.resource.id": f"lamplighter.pipeline.{pipeline.name}"},
        # By what was known on the date that was looked at, which a run by hand may have named.
        parameters={"date": {"__prefect_kind": "jinja", "template": "{{ event.payload.date }}"}},
    )
    yield _deployment(train, pipeline, {"pipeline": file, "date": None}, after=due)
    yield _deployment(backfill, pipeline, {"pipeline": file})
    yield _deployment(promote, pipeline, {"pipeline": file})
    if isinstance(config.label, NoLabel):
        return  # nothing tells what its nights were worth
    yield _deployment(
        monitor,
        pipeline,
        {"pipeline": file, "date": None},
        after=_after(nightly.name, pipeline.name),
    )


def _is_paused(deployment: str) -> bool:
    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(deployment)
        except ObjectNotFound:
            return False
    return any(each.slug == _NIGHT and not each.active for each in found.schedules)


def _deployment(
    flow: object,
    pipeline: Pipeline,
    parameters: dict[str, str | None],
    schedule: Schedule | None = None,
    after: DeploymentEventTrigger | None = None,
) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,  # type: ignore[arg-type]  # a Flow of any signature
        name=pipeline.name,
        schedule=schedule,
        parameters=parameters,
        triggers=[after] if after else [],
        tags=[TAG],
        concurrency_limit=_ONE_AT_A_TIME,
        work_pool_name=POOL,
        job_variables={"env": FOR_RUNS, "working_dir": str(pipeline.folder)},
        # Found from a wheel and from a checkout alike, whatever folder the worker runs in.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _after(flow: str, pipeline: str) -> DeploymentEventTrigger:
    """When a flow's run for a pipeline was completed."""
    return DeploymentEventTrigger(
        name=f"{pipeline}: monitor after {flow}",
        expect={"prefect.flow-run.Completed"},
        match_related=[
            {"prefect.resource.role": "flow", "prefect.resource.name": flow},
            {"prefect.resource.role": "deployment", "prefect.resource.name": pipeline},
        ],
    )
