"""What the Prefect server does by itself about runs whose worker is gone."""

from __future__ import annotations

from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture

from flows.service.settings import HEARTBEAT_SECONDS, TAG

_ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}
_BEAT = "prefect.flow-run.heartbeat"
_ANY_RUN = {"prefect.resource.id": "prefect.flow-run.*"}
# On a server that others use as well, theirs are theirs.
_OURS = {"prefect.resource.role": "tag", "prefect.resource.id": f"prefect.tag.{TAG}"}


def _automations() -> tuple[AutomationCore, ...]:
    silent = AutomationCore(
        name="lamplighter: runs that fell silent",
        description="A run whose heartbeats stop was killed with its worker: it gives its slot "
        "back.",
        trigger=EventTrigger(
            after={_BEAT},
            expect={_BEAT, *_ENDS},
            match=_ANY_RUN,
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=3 * HEARTBEAT_SECONDS),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="Its heartbeats stopped.")],
    )
    stuck = AutomationCore(
        name="lamplighter: runs that never began",
        description="A run that was handed to a worker and does not begin gives its slot back.",
        trigger=EventTrigger(
            after={"prefect.flow-run.Pending"},
            expect={"prefect.flow-run.Running", *_ENDS},
            match=_ANY_RUN,
            match_related=_OURS,
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(minutes=10),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message="It never began.")],
    )
    return silent, stuck


def keep_automations() -> None:
    """Make the automations, or renew those of the same names."""
    with get_client(sync_client=True) as client:
        for automation in _automations():
            found = client.read_automations_by_name(automation.name)
            for old in found[:1]:
                client.update_automation(old.id, automation)
            for double in found[1:]:
                client.delete_automation(double.id)
            if not found:
                client.create_automation(automation)
