"""What a sweep does, in its order: look, bring back what serves, and only then remove."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from workflows.checklist import step
from workflows.operator import Operator
from workflows.policies import poll_certainly
from workflows.steps.restoring import RestoringSteps

with workflow.unsafe.imports_passed_through():
    from activities.builders import Builders, OfRelease
    from activities.census import Censuses, TakeCensus, WhichRun
    from activities.groups import GroupRef, Groups, MarkGroups, RemoveGroup, Unpin
    from activities.templates import TemplateRef, Templates
    from domain import names, sweep
    from domain.config import Stack
    from domain.models import State, Swept, TargetGroup
    from domain.status import Status


class SweepSteps(RestoringSteps):
    kind = "sweep"

    def __init__(self, operator: Operator, stack: Stack, target_groups: tuple[TargetGroup, ...]) -> None:
        self.stack, self.region, self.patience = stack, stack.region, stack.patience
        self.way_back = self.patience.way_back
        self.arns = tuple(group.arn for group in target_groups)
        self.groups = {}
        self.census = sweep.Census()
        self.findings: list[sweep.Finding] = []
        self.done: list[sweep.Finding] = []
        self.stopped = ""
        super().__init__(operator)

    @step("Find what releases have left that no longer run", phase="sweeping")
    async def find(self) -> None:
        """Tags tell whose it is, Temporal tells whether that runs. `stopped` is why nothing is to be cleared."""
        me = workflow.info().workflow_id
        self.census = census = await self.do(
            Censuses.take_census,
            TakeCensus(region=self.region, stack=self.stack.name, application=self.stack.application.name, target_groups=self.arns),
        )
        owners = {d.release for d in census.deployments} | {o.release for o in census.owned}
        owners |= {d.group.tags.get(names.WOKEN_BY, "") for d in census.deployments}
        owners.add(f"{names.lock(self.stack.name)}/")
        running = await self.do(
            Censuses.which_run, WhichRun(releases=tuple(sorted(owners - {""})), but=me), what="Which of them still run?"
        )
        if f"{names.lock(self.stack.name)}/" in running:
            # A release that runs has blue pinned and detached, and green unmarked: nothing of the stack is left over.
            self.stopped = "a release or rollback of it is under way"
            self.findings = []
            return
        self.findings = sweep.find(census, running, now=workflow.now(), age=timedelta(seconds=self.stack.sweeping.age))
        self.stopped = sweep.looks_wrong(census, self.findings, self.stack.sweeping.share)
        self.checklist.note(self.stopped or f"{len(self.findings)} findings")

    @step("Bring back what serves: in the load balancer, every instance healthy", phase="sweeping")
    async def restore(self) -> None:
        """Before anything goes: what a dead release has left may be all that serves now."""
        for finding in self._of("attach"):
            other = next(
                (d for d in self.census.deployments if d.name != finding.name and set(d.group.target_groups) & set(self.arns)), None
            )
            await self.reattach(finding.name, self.arns, beside=other.name if other else None)
            self.done.append(finding)

    @step("Park what was woken, remove what never served, lower pinned minimums", phase="sweeping")
    async def remove(self) -> None:
        pace = poll_certainly(self.patience.confirm, self.way_back)
        for finding in self._of("park"):
            await self.certainly(Groups.empty_group, GroupRef(region=self.region, name=finding.name), pace, what=f"Park {finding.name}")
            await self.certainly(Groups.mark, MarkGroups(region=self.region, tags={finding.name: {names.WOKEN_BY: ""}}))
            self.done.append(finding)
        for finding in self._of("remove group"):
            what = f"Remove {finding.name}"
            mine = RemoveGroup(region=self.region, name=finding.name, release=finding.release)
            await self.certainly(Groups.remove_group, mine, pace, what=what)
            await self._remove_what_it_launched(finding.name)
            self.done.append(finding)
        for finding in self._of("remove template"):
            await self.certainly(Templates.delete_launch_template, TemplateRef(region=self.region, name=finding.name))
            self.done.append(finding)
        for finding in self._of("unpin"):
            group = next(d.group for d in self.census.deployments if d.name == finding.name)
            original = int(group.tags[names.RESTORE_MIN])
            await self.certainly(Groups.unpin_minimum, Unpin(region=self.region, group=finding.name, original=original))
            self.done.append(finding)
        for finding in self._of("remove bake"):
            bake = OfRelease(region=self.region, release=finding.release)
            await self.certainly(Builders.destroy_builders, bake, pace, what=f"Terminate the builder of {finding.release}")
            await self.certainly(Builders.delete_security_groups, bake, pace, what=f"Delete the security group of {finding.release}")
            self.done.append(finding)

    async def _remove_what_it_launched(self, name: str) -> None:
        """A launch configuration carries no tag: it is known by the group that used it."""
        group = next(d.group for d in self.census.deployments if d.name == name)
        mine = TemplateRef(region=self.region, name=name)
        if group.launch_template == name:
            await self.certainly(Templates.delete_launch_template, mine)
        if group.launch_configuration == name:
            await self.certainly(Templates.delete_launch_configuration, mine)

    def swept(self, *, dry_run: bool) -> Swept:
        serving = next((d.name for d in self.census.deployments if d.state is State.SERVING), None)
        return Swept(
            stack=self.stack.name, dry_run=dry_run, serving=serving, stopped=self.stopped,
            findings=tuple(f.model_dump() for f in self.findings), cleared=tuple(f.name for f in self.done),
        )  # fmt: skip

    def status(self) -> Status:
        return super().status().model_copy(update={"stack": self.stack.name, "can_abort": False})

    def _of(self, action: str) -> list[sweep.Finding]:
        return [finding for finding in self.findings if finding.action == action]
