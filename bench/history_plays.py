"""What `make histories` records: each name is a file, and says what happened in that workflow."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

from bench.history_prunes import prunes, unknown_type
from bench.history_steps import (
    ABORT,
    LOOK,
    Save,
    Status,
    abort,
    bake_of,
    end,
    pause,
    save_ended,
    until,
)
from bench.torture import stage
from bench.torture.lane import SIZE, Lane
from bench.torture.plays import green_has_half, green_serves_alone

WITH_PACKER = "bake-packer"
# In a history that is continued as new: fewer than a watched release has.
MANY_EVENTS = 150
# Seconds of a soak that ends only by an abort.
LONG = 120


async def record(home: Path, save: Save) -> None:
    """Saves every history. Raises RuntimeError where a play did not end as its name says."""
    async with stage.lanes(home / "attach", 2, unprepared=1) as (_, (lane, empty_lane)):
        await _first_deployment(lane, save)
        await _rollbacks(lane, save)
        await _release(lane, save, "attach")
        await _abort_release(lane, save, "release-attach-aborted", green_serves_alone)
        await _messages(lane, save)
        await _open(lane, save)
        await _bakes(lane, save)
        await _sweeps(lane, save)
        await _read_only(lane, save)
        await prunes(lane, save)
        await unknown_type(lane, save)
        await _adopt(lane, empty_lane, save)
    continues = (f"limit.historyCount.suggestContinueAsNew={MANY_EVENTS}",)
    async with stage.lanes(home / "continued", 1, temporal=continues) as (_, (lane,)):
        await _continued(lane, save)
    async with stage.lanes(home / "weighted", 1, "weighted") as (_, (lane,)):
        await _release(lane, save, "weighted")
        await _abort_release(lane, save, "release-weighted-aborted", green_has_half)
    async with stage.lanes(home / "classic", 1, "classic") as (_, (lane,)):
        await _release(lane, save, "classic")
        await _abort_release(lane, save, "release-classic-aborted", green_serves_alone)


async def _first_deployment(lane: Lane, save: Save) -> None:
    """The first run of the stack's lock, with which the lane was prepared."""
    runs = [run async for run in lane.client.list_workflows(f"WorkflowId = 'release-{lane.name}'")]
    first = min(runs, key=lambda run: run.start_time)
    handle = lane.client.get_workflow_handle(first.id, run_id=first.run_id)
    await save("release-first-deployment", handle)


async def _rollbacks(lane: Lane, save: Save) -> None:
    await save_ended(lane, save, "rollback-woken", await lane.rollback())
    lane.set_soak(LONG)
    handle = await lane.rollback()
    await until(lane, handle, green_serves_alone)
    await lane.signal(handle, ABORT)
    await save_ended(lane, save, "rollback-aborted", handle, "RolledBack")
    lane.set_soak(lane.soak)
    (tag, group), *_ = (
        (tag, group["AutoScalingGroupName"])
        for tag, group in lane.account.stack_groups(lane.name).items()
        if group["DesiredCapacity"] == 0
    )
    lane.account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=group)
    lane.account.ec2.delete_launch_template(LaunchTemplateName=group)
    handle = await lane.rollback(to=tag)
    await save_ended(lane, save, "rollback-launched-again", handle)


async def _release(lane: Lane, save: Save, strategy: str) -> None:
    handle = await lane.release(lane.new_tag())
    await save_ended(lane, save, f"release-{strategy}", handle)


async def _abort_release(lane: Lane, save: Save, name: str, when: Callable[[Status], bool]) -> None:
    lane.set_soak(LONG)
    handle = await lane.release(lane.new_tag())
    await until(lane, handle, when)
    await lane.signal(handle, ABORT)
    await save_ended(lane, save, name, handle, "RolledBack")
    lane.set_soak(lane.soak)


async def _continued(lane: Lane, save: Save) -> None:
    """A release whose history became long while it was watched, and its abort after that."""
    lane.set_soak(LONG)
    handle = await lane.release(lane.new_tag())
    first = handle.first_execution_run_id
    assert first
    while (run := (await handle.describe()).run_id) == first:
        await asyncio.sleep(LOOK)
    earlier = lane.client.get_workflow_handle(handle.id, run_id=first)
    await save("release-continues-as-new", earlier)
    later = lane.client.get_workflow_handle(handle.id, run_id=run)
    await save("release-was-continued", later)
    await lane.signal(handle, ABORT)
    await save_ended(lane, save, "release-was-continued-and-aborted", handle, "RolledBack")
    lane.set_soak(lane.soak)


async def _messages(lane: Lane, save: Save) -> None:
    """A pause and a resume, a cancel, a refusal, and an approval as signal and as update."""
    handle = await lane.release(lane.new_tag())
    await pause(lane, handle)
    await lane.signal(handle, "resume")
    await save_ended(lane, save, "release-paused-and-resumed", handle)
    lane.set_soak(LONG)
    handle = await lane.release(lane.new_tag())
    await until(lane, handle, green_serves_alone)
    await handle.cancel(reason="the pipeline was stopped")
    await save_ended(lane, save, "release-cancelled", handle, "RolledBack")
    handle = await lane.release("no-such-tag")
    await save_ended(lane, save, "release-refused", handle, "Refused")
    lane.set_soak(lane.soak, approval=True)
    handle = await lane.release(lane.new_tag())
    await until(lane, handle, _waits_for_approval)
    await lane.signal(handle, "approve_cutover")
    await save_ended(lane, save, "release-approved-by-signal", handle)
    handle = await lane.release(lane.new_tag())
    await until(lane, handle, _waits_for_approval)
    for update in ("pause", "resume", "approve_cutover"):
        await handle.execute_update(update, {"by": "histories"})
    await save_ended(lane, save, "release-approved-by-update", handle)
    lane.set_soak(lane.soak)


async def _open(lane: Lane, save: Save) -> None:
    """Releases that are still under way: these are what a new version finds."""
    handle = await lane.release(lane.new_tag())
    await pause(lane, handle)
    await save("release-is-paused", handle)
    await abort(lane, handle)
    lane.set_soak(lane.soak, approval=True)
    handle = await lane.release(lane.new_tag())
    await until(lane, handle, _waits_for_approval)
    await save("release-waits-for-approval", handle)
    await abort(lane, handle)
    lane.set_soak(lane.soak)


async def _bakes(lane: Lane, save: Save) -> None:
    image = await lane.bake(lane.new_tag())
    await save_ended(lane, save, "image", image)
    await save_ended(lane, save, "bake-native", await bake_of(lane, image))
    release = await lane.release(lane.new_tag())
    await until(lane, release, lambda status: bool(status.get("bake")))
    bake = await bake_of(lane, release)
    await until(lane, bake, lambda status: "instance" in str(status.get("ledger")))
    await lane.signal(release, ABORT)
    await save_ended(lane, save, "release-aborted-while-it-bakes", release, "RolledBack")
    await save_ended(lane, save, "bake-aborted", bake, "Abandoned")
    if shutil.which("packer"):
        lane.use_builder("packer")
        image = await lane.bake(lane.new_tag())
        await end(lane, image)
        await save_ended(lane, save, WITH_PACKER, await bake_of(lane, image))
        lane.use_builder("native")


async def _sweeps(lane: Lane, save: Save) -> None:
    """Of a release that was terminated while both served: the first sweep is aborted."""
    lane.set_soak(lane.soak, approval=True)
    release = await lane.release(lane.new_tag())
    await until(lane, release, _waits_for_approval)
    await release.terminate("a person was in a hurry")
    lane.set_soak(lane.soak)
    request = {"stack": lane.name, "dry_run": False}
    lane.account.fault("latency", "AttachLoadBalancerTargetGroups", seconds=3)
    sweep = await lane.start("SweepWorkflow", request, "sweep-aborted")
    of_stack = lane.client.get_workflow_handle(f"release-{lane.name}")
    await until(lane, of_stack, _restores)
    await lane.signal(of_stack, ABORT)
    await save_ended(lane, save, "sweep-of-a-stack-aborted", of_stack, "Dirty")
    await save_ended(lane, save, "sweep-whose-stack-was-aborted", sweep)
    sweep = await lane.start("SweepWorkflow", request, "sweep")
    await save_ended(lane, save, "sweep", sweep)
    await save_ended(lane, save, "sweep-of-a-stack", of_stack)
    request["dry_run"] = True
    sweep = await lane.start("SweepWorkflow", request, "sweep-dry")
    await save_ended(lane, save, "sweep-dry-run", sweep)


async def _read_only(lane: Lane, save: Save) -> None:
    was, now = list(lane.account.stack_groups(lane.name))[:2]
    stack = {"stack": lane.name}
    for name, workflow, request in (
        ("plan", "PlanWorkflow", stack | {"tag": lane.new_tag()}),
        ("doctor", "DoctorWorkflow", stack),
        ("diff", "DiffWorkflow", stack | {"was": was, "now": now}),
        ("history", "HistoryWorkflow", stack),
        ("candidates", "CandidatesWorkflow", stack),
    ):
        await save_ended(lane, save, name, await lane.start(workflow, request, name))


async def _adopt(lane: Lane, empty_lane: Lane, save: Save) -> None:
    """A group that the empty lane's stack did not make. Its instances have the lane's image."""
    template, *_ = (
        group["LaunchTemplate"]["LaunchTemplateName"]
        for group in lane.account.stack_groups(lane.name).values()
        if group["DesiredCapacity"]
    )
    built, group = empty_lane.infrastructure, f"{empty_lane.name}-by-hand"
    empty_lane.account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=group,
        LaunchTemplate={"LaunchTemplateName": template, "Version": "1"},
        MinSize=1,
        MaxSize=SIZE,
        DesiredCapacity=SIZE,
        VPCZoneIdentifier=",".join(built.subnets),
        TargetGroupARNs=[built.target_group_arn],
    )
    request = {"stack": empty_lane.name, "group": group, "tag": empty_lane.new_tag()}
    handle = await empty_lane.start("AdoptWorkflow", request)
    await save_ended(empty_lane, save, "adopt", handle)


def _restores(status: Status) -> bool:
    """The second sentence of a sweep: it puts back what serves."""
    bullets = status.get("bullets") or []
    return status.get("workflow") == "sweep" and len(bullets) > 1 and bullets[1]["mark"] == "doing"


def _waits_for_approval(status: Status) -> bool:
    return bool(status.get("waiting_for"))
