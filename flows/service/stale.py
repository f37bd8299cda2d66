"""The deployments that a server has of this folder, and the end of those without a file."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count
from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
from prefect.client.schemas.responses import DeploymentResponse

from flows.service.identity import Identity
from flows.service.places import PIPELINES
from flows.service.settings import TAG

_PAGE = 200


def owned(
    client: SyncPrefectClient, identity: Identity, own_server: bool
) -> tuple[DeploymentResponse, ...]:
    """The deployments of this folder, by whatever name it went, and those of no other.

    Args:
        client: of the server.
        identity: of this folder.
        own_server: whether the server is this folder's. Then what runs a file of it from a pool
            that no folder has put its mark on is its own, whoever made it.
    """
    pools = client.read_work_pools()
    ours = {pool.name for pool in pools if identity.mark in (pool.description or "")}
    marked = {pool.name for pool in pools if pool.description}
    return tuple(
        each
        for each in _deployments(client)
        if each.work_pool_name in ours
        or (
            own_server
            and each.work_pool_name not in marked
            and _runs_a_file_of(each, identity.folder)
        )
    )


def remove(
    client: SyncPrefectClient, doomed: Collection[DeploymentResponse], identity: Identity
) -> None:
    """Delete deployments, their schedules and automations, and the pools they leave empty.

    What is done stays; a run that is going is let finish.
    """
    for each in doomed:
        client.delete_resource_owned_automations(f"prefect.deployment.{each.id}")
        client.delete_deployment(each.id)
    used = {each.work_pool_name for each in _deployments(client)} | {identity.name}
    left = {each.work_pool_name for each in doomed} - used
    for pool in client.read_work_pools():
        if pool.name in left and identity.mark in (pool.description or ""):
            client.delete_work_pool(pool.name)


def _runs_a_file_of(deployment: DeploymentResponse, folder: Path) -> bool:
    file = Path(str(deployment.parameters.get("pipeline", "")))
    return file.parent in (folder, folder / PIPELINES)


def _deployments(client: SyncPrefectClient) -> Iterator[DeploymentResponse]:
    """All that were made by Lamplighter, page by page."""
    made = DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG]))
    for page in count():
        found = client.read_deployments(deployment_filter=made, limit=_PAGE, offset=page * _PAGE)
        yield from found
        if len(found) < _PAGE:
            return
