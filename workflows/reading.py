"""Read-only workflows: what would a release do, and what has served? The worker has AWS; who asks need not."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from workflows.admission import Admission, parsed
from workflows.operator import Operator
from workflows.steps.base import FAILURES, describe

with workflow.unsafe.imports_passed_through():
    from activities.checks import Check, Checks
    from activities.manifests import CompareImages, Manifests
    from activities.source import ListCommits, Source
    from domain import capacity
    from domain.errors import REFUSED
    from domain.images import newest_of_each, reusable
    from domain.live import refuse_what_serves
    from domain.manifest import Diff
    from domain.models import Candidate, Deployment, Plan
    from domain.requests import DiffRequest, ReleaseRequest, StackRequest
    from domain.retention import to_prune
    from domain.rollback import candidates


@workflow.defn(name="PlanWorkflow")
class PlanWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> Plan:
        try:
            request = parsed(ReleaseRequest, values)
            admission = Admission(Operator())
            admitted, identity = await admission.admit(request)
            stack, blue = admitted.stack, admitted.blue
            refuse_what_serves(blue, request.tag, identity.commit, force=request.force)
            images = await admission.find_images(stack)
            image = reusable(images, identity)
            checks = await admission.preflight(admitted, image.id if image else None)
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        size = capacity.needed(blue.group if blue else None, stack.capacity)
        # Green is one more that served: one fewer of the others stays.
        doomed = to_prune(admitted.deployments, stack.retention.deployments - 1)
        return Plan(
            stack=stack.name,
            tag=request.tag,
            commit=identity.commit,
            image=image.id if image else None,
            bake=None if image else identity.workflow_id,
            blue=blue.name if blue else None,
            blue_tag=blue.tag if blue else None,
            size=size,
            launch=stack.launch,
            target_groups=tuple(group.name for group in admitted.target_groups),
            approval=stack.approval,
            soak=stack.timeouts.soak,
            prune=tuple(deployment.name for deployment in doomed if deployment != blue),
            strategy=stack.load_balancer.strategy,
            problems=tuple(check.problem for check in checks if check.problem),
            unknown=tuple(
                f"{check.what}: {check.found}"
                for check in checks
                if check.found.startswith("could not be found out")
            ),
        )


@workflow.defn(name="DoctorWorkflow")
class DoctorWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> list[Check]:
        """Whatever a release of the stack will need, and what is wrong with it."""
        try:
            request = parsed(StackRequest, values)
            admission = Admission(Operator())
            stack = await admission.read_stack(request.stack)
            found: list[Check] = await admission.do(
                Checks.check_stack, stack, what="Is everything reachable?"
            )
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        return found


@workflow.defn(name="DiffWorkflow")
class DiffWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> Diff:
        """Between the newest images of two tags: commits, packages, files."""
        try:
            request = parsed(DiffRequest, values)
            admission = Admission(Operator())
            stack = await admission.read_stack(request.stack)
            was, now = newest_of_each(await admission.find_images(stack), request.was, request.now)
            application, bucket = stack.application, stack.bake.artifacts_bucket
            asked = ListCommits(
                repository=application.repository,
                was=request.was,
                now=request.now,
                was_commit=was.commit,
                now_commit=now.commit,
                region=stack.region,
                credential=application.credential,
            )
            commits, found = await asyncio.gather(
                admission.do(Source.list_commits, asked, what="Which commits are between them?"),
                admission.do(
                    Manifests.compare_images,
                    CompareImages(region=stack.region, bucket=bucket, was=was.name, now=now.name),
                ),
            )
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        return Diff(
            was=was,
            now=now,
            commits=tuple(commits),
            packages=found.packages,
            files=found.files,
            more=found.more,
        )


@workflow.defn(name="HistoryWorkflow")
class HistoryWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> list[Deployment]:
        """Newest first."""
        try:
            request = parsed(StackRequest, values)
            admission = Admission(Operator())
            stack = await admission.read_stack(request.stack)
            deployments = await admission.find_deployments(stack)
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        return sorted(deployments, key=lambda deployment: deployment.served_at, reverse=True)


@workflow.defn(name="CandidatesWorkflow")
class CandidatesWorkflow:
    @workflow.run
    async def run(self, *values: Any) -> list[Candidate]:
        """What a rollback could go back to, newest first."""
        try:
            request = parsed(StackRequest, values)
            admission = Admission(Operator())
            stack = await admission.read_stack(request.stack)
            deployments, images = await asyncio.gather(
                admission.find_deployments(stack), admission.find_images(stack)
            )
        except FAILURES as error:
            raise ApplicationError(describe(error), type=REFUSED, non_retryable=True) from error
        return candidates(deployments, images)
