"""Scheduled actions of the group that serves."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from temporalio import activity

from activities.aws import Aws, chunks, translated
from domain.errors import AwsRefused
from domain.models import Model

if TYPE_CHECKING:
    from mypy_boto3_autoscaling.type_defs import ScheduledUpdateGroupActionTypeDef

# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_BatchPutScheduledUpdateGroupAction.html
MOST = 50


class MoveSchedule(Model):
    """From the group that served, `source`, to the group that serves, `target`."""

    region: str
    source: str
    target: str


class Schedules:
    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    @activity.defn(no_thread_cancel_exception=True)
    @translated
    def move_schedule(self, request: MoveSchedule) -> list[str]:
        """
        The names of the scheduled actions that were moved. They are added before they are deleted.

        A past action without a recurrence is left out: AWS refuses a start in the past. Raises
        AwsRefused with those that AWS does not move: they alone stay.
        """
        autoscaling = self._aws.autoscaling(request.region)
        pages = autoscaling.get_paginator("describe_scheduled_actions").paginate(
            AutoScalingGroupName=request.source
        )
        known = [action for page in pages for action in page["ScheduledUpdateGroupActions"]]
        refused = self._add(request, [action for action in map(_upcoming, known) if action])
        found = [action["ScheduledActionName"] for action in known]
        moved = [name for name in found if name not in refused]
        for some in chunks(moved, MOST):
            answer = autoscaling.batch_delete_scheduled_action(
                AutoScalingGroupName=request.source, ScheduledActionNames=some
            )
            refused |= _reasons(answer.get("FailedScheduledActions", []))
        if refused:
            told = "; ".join(f"{name}: {why}" for name, why in refused.items())
            raise AwsRefused(
                f"AWS did not move these scheduled actions from {request.source} to "
                f"{request.target}: {told}"
            )
        return moved

    def _add(self, request: MoveSchedule, wanted: list[Any]) -> dict[str, str]:
        """Why AWS does not take some of them, by name."""
        refused: dict[str, str] = {}
        for some in chunks(wanted, MOST):
            answer = self._aws.autoscaling(request.region).batch_put_scheduled_update_group_action(
                AutoScalingGroupName=request.target, ScheduledUpdateGroupActions=some
            )
            refused |= _reasons(answer.get("FailedScheduledUpdateGroupActions", []))
        return refused


def _reasons(failed: Iterable[Any]) -> dict[str, str]:
    return {one["ScheduledActionName"]: one.get("ErrorMessage", "") for one in failed}


def _upcoming(action: ScheduledUpdateGroupActionTypeDef) -> Any:
    """The action as it is added again. None where it has no future occurrence."""
    now = datetime.now(UTC)
    kept = (
        "ScheduledActionName",
        "EndTime",
        "Recurrence",
        "MinSize",
        "MaxSize",
        "DesiredCapacity",
        "TimeZone",
        "StartTime",
    )
    found: dict[str, Any] = {
        key: action[key]  # type: ignore[literal-required]
        for key in kept
        if action.get(key) not in (None, "")
    }
    if "EndTime" in found and found["EndTime"] <= now:
        return None
    if "StartTime" in found and found["StartTime"] <= now:
        if "Recurrence" not in found:
            return None
        del found["StartTime"]
    return found
