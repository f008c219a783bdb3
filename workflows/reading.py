"""Read-only workflows: the worker has AWS, the machine that asks need not."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow

from workflows.admission import Admission, refused_on_failure
from workflows.inquiries import Inquiries
from workflows.parsing import parsed
from workflows.run import Run

with workflow.unsafe.imports_passed_through():
    from activities.checks import Check, Checks
    from activities.manifests import CompareImages, Manifests
    from activities.source import ListCommits, Source
    from domain import capacity
    from domain.config import Stack
    from domain.facts import Admitted
    from domain.images import BakeIdentity, newest_of_each, reusable
    from domain.manifest import Diff, Differences
    from domain.models import Deployment, Image
    from domain.plan import Candidate, Plan
    from domain.requests import DiffRequest, ReleaseRequest, StackRequest
    from domain.retention import to_prune
    from domain.rollback import candidates


@workflow.defn(name="PlanWorkflow")
class PlanWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> Plan:
        run = Run("reading")
        with refused_on_failure(run):
            request = parsed(ReleaseRequest, values)
            admission = Admission(run)
            admitted, identity = await admission.admit(request)
            image = reusable(await Inquiries(run).find_images(admitted.stack), identity)
            checks = await admission.preflight(admitted, image.id if image else None)
        return _plan(admitted, identity, image, checks)


def _plan(
    admitted: Admitted, identity: BakeIdentity, image: Image | None, checks: list[Check]
) -> Plan:
    stack, blue = admitted.stack, admitted.blue
    # Green will have served too: one fewer of the others stays.
    doomed = to_prune(admitted.deployments, stack.retention.deployments - 1)
    unknown = [check for check in checks if check.found.startswith("could not be found out")]
    return Plan(
        stack=stack.name,
        tag=admitted.version.tag,
        commit=identity.commit,
        image=image.id if image else None,
        bake=None if image else identity.workflow_id,
        blue=blue.name if blue else None,
        blue_tag=blue.tag if blue else None,
        size=capacity.needed(blue.group if blue else None, stack.capacity),
        launch=stack.launch,
        target_groups=tuple(group.name for group in admitted.target_groups),
        approval=stack.approval,
        soak=stack.timeouts.soak,
        prune=tuple(deployment.name for deployment in doomed if deployment != blue),
        strategy=stack.load_balancer.strategy,
        problems=tuple(check.problem for check in checks if check.problem),
        unknown=tuple(f"{check.what}: {check.found}" for check in unknown),
        warnings=tuple(check.warning for check in checks if check.warning),
    )


@workflow.defn(name="DoctorWorkflow")
class DoctorWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> list[Check]:
        """Whatever a release of the stack will need, and what is wrong with it."""
        run = Run("reading")
        with refused_on_failure(run):
            request = parsed(StackRequest, values)
            stack = await Inquiries(run).read_stack(request.stack)
            what = "Is everything reachable?"
            found: list[Check] = await run.do(Checks.check_stack, stack, what=what)
        return found


@workflow.defn(name="DiffWorkflow")
class DiffWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> Diff:
        """Between the newest images of two tags: commits, packages, files."""
        run = Run("reading")
        with refused_on_failure(run):
            request = parsed(DiffRequest, values)
            ask = Inquiries(run)
            stack = await ask.read_stack(request.stack)
            images = await ask.find_images(stack)
            was, now = newest_of_each(images, request.was, request.now)
            commits, found = await asyncio.gather(
                _commits(run, stack, request, was, now), _differences(run, stack, was, now)
            )
        return Diff(
            was=was,
            now=now,
            commits=tuple(commits),
            packages=found.packages,
            files=found.files,
            more=found.more,
        )


async def _commits(
    run: Run, stack: Stack, request: DiffRequest, was: Image, now: Image
) -> list[str]:
    asked = ListCommits(
        repository=stack.application.repository,
        was=request.was,
        now=request.now,
        was_commit=was.commit,
        now_commit=now.commit,
        region=stack.region,
        credential=stack.application.credential,
    )
    what = "Which commits are between them?"
    commits: list[str] = await run.do(Source.list_commits, asked, what=what)
    return commits


async def _differences(run: Run, stack: Stack, was: Image, now: Image) -> Differences:
    bucket = stack.bake.artifacts_bucket
    asked = CompareImages(region=stack.region, bucket=bucket, was=was.name, now=now.name)
    return await run.do(Manifests.compare_images, asked)


@workflow.defn(name="HistoryWorkflow")
class HistoryWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> list[Deployment]:
        """Newest first."""
        run = Run("reading")
        with refused_on_failure(run):
            request = parsed(StackRequest, values)
            ask = Inquiries(run)
            deployments = await ask.find_deployments(await ask.read_stack(request.stack))
        return sorted(deployments, key=lambda deployment: deployment.served_at, reverse=True)


@workflow.defn(name="CandidatesWorkflow")
class CandidatesWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> list[Candidate]:
        """What a rollback could go back to, newest first."""
        run = Run("reading")
        with refused_on_failure(run):
            request = parsed(StackRequest, values)
            ask = Inquiries(run)
            stack = await ask.read_stack(request.stack)
            deployments, images = await asyncio.gather(
                ask.find_deployments(stack), ask.find_images(stack)
            )
        return candidates(deployments, images)
