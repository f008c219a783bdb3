"""What a sweep does, in its order: look, bring back what serves, and only then remove."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.checklist import step
from workflows.operator import Operator
from workflows.policies import poll
from workflows.steps.base import describe
from workflows.steps.restoring import RestoringSteps

with workflow.unsafe.imports_passed_through():
    from activities.builders import Builders, OfRelease
    from activities.fleets import DeleteWarmPool, Fleets
    from activities.group_requests import GroupRef, MarkGroups, RemoveGroup, Unpin
    from activities.groups import Groups
    from activities.inventory import Inventories, TakeInventory, WhichRun
    from activities.rules import FindRules, Rules, SetWeights
    from activities.templates import TemplateRef, Templates
    from domain import names, sweep
    from domain.capacity import own_minimum
    from domain.config import Stack
    from domain.live import in_balancer
    from domain.models import Group, State, Swept, TargetGroup
    from domain.status import Status


class SweepSteps(RestoringSteps):
    kind = "sweep"

    def __init__(
        self, operator: Operator, stack: Stack, target_groups: tuple[TargetGroup, ...]
    ) -> None:
        self.stack, self.region, self.timeouts = stack, stack.region, stack.timeouts
        # Nobody waits for a sweep, and the next one goes on: it holds the lock no longer than one release waits for health.
        self.way_back = self.timeouts.healthy
        self.pace = poll(self.timeouts.confirm, self.way_back)
        self.target_groups = target_groups
        self.arns = tuple(group.arn for group in target_groups)
        self.groups = {}
        self.inventory = sweep.Inventory()
        self.findings: list[sweep.Finding] = []
        self.done: list[sweep.Finding] = []
        self.left: dict[str, str] = {}
        self.stopped = ""
        super().__init__(operator)

    @step("Find what releases have left that no longer run", phase="sweeping")
    async def find(self) -> None:
        """Tags tell whose it is, Temporal tells whether that runs. `stopped` is why nothing is to be cleared."""
        me = workflow.info().workflow_id
        self.inventory = inventory = await self.do(
            Inventories.take_inventory,
            TakeInventory(
                region=self.region,
                stack=self.stack.name,
                application=self.stack.application.name,
                target_groups=self.arns,
            ),
        )
        if self.stack.load_balancer.strategy == "weighted":
            rules = await self.do(
                Rules.find_rules,
                FindRules(region=self.region, target_groups=self.target_groups),
                what="How are they wired?",
            )
            preview = self.stack.load_balancer.preview
            self.inventory = inventory = inventory.model_copy(
                update={"rules": tuple(rule for rule in rules if rule.arn not in preview)}
            )
        owners = {d.release for d in inventory.deployments} | {o.release for o in inventory.owned}
        owners |= {d.group.tags.get(names.WOKEN_BY, "") for d in inventory.deployments}
        mine = names.owner(names.lock(self.stack.name), "")
        owners.add(mine)
        running = await self.do(
            Inventories.which_run,
            WhichRun(releases=tuple(sorted(owners - {""})), but=me),
            what="Which of them still run?",
        )
        if mine in running:
            # A release that runs has blue pinned and detached, and green unmarked: nothing of the stack is left over.
            self.stopped = "a release or rollback of it is under way"
            self.findings = []
            return
        self.findings = sweep.find(
            inventory, running, now=workflow.now(), age=timedelta(seconds=self.stack.sweeping.age)
        )
        self.stopped = sweep.looks_wrong(inventory, self.findings, self.stack.sweeping.share)
        self.checklist.note(self.stopped or f"{len(self.findings)} findings")

    @step("Bring back what serves: in the load balancer, every instance healthy", phase="sweeping")
    async def restore(self) -> None:
        """
        Before anything goes: what a dead release has left may be all that serves now.

        To be attached is not enough: where something leaves the balancer, what stays must be healthy in it.
        """
        back = self._of("attach")
        leaving = [
            d
            for d in self.inventory.deployments
            if in_balancer(d, self.arns) and self._goes(d.name)
        ]
        serving = next((d for d in self.inventory.deployments if d.state is State.SERVING), None)
        weigh, home = self._of("weigh"), sweep.home(self.inventory)
        if serving is None or not (back or leaving or weigh):
            return
        arns = (
            (home,)
            if home
            else tuple(arn for arn in self.arns if back or arn in serving.group.target_groups)
        )
        await self.reattach(serving.name, arns, beside=leaving[0].name if leaving else None)
        if weigh and home:
            weights = {arn: 100 if arn == home else 0 for arn in self.arns}
            await self.do(
                Rules.set_weights,
                SetWeights(region=self.region, rules=self.inventory.rules, weights=weights),
                self.pace,
                what=f"All of the traffic to {serving.name}",
            )
        self.done += back + weigh

    @step("Park what was woken, remove what never served, lower pinned minimums", phase="sweeping")
    async def remove(self) -> None:
        """Each on its own: what cannot be cleared now is told, and does not hold the lock, nor keep the rest from going."""
        for action, clear in (
            ("park", self._park),
            ("remove group", self._remove_group),
            ("remove template", self._remove_template),
            ("unpin", self._unpin),
            ("remove bake", self._remove_bake),
        ):
            for finding in self._of(action):
                try:
                    await clear(finding)
                    self.done.append(finding)
                except ActivityError as error:
                    self.left[finding.name] = describe(error)

    async def _park(self, finding: sweep.Finding) -> None:
        await self.do(
            Groups.empty_group,
            GroupRef(region=self.region, name=finding.name),
            self.pace,
            what=f"Park {finding.name}",
        )
        if self._group(finding.name).warm_pool:
            await self.do(
                Fleets.delete_warm_pool,
                DeleteWarmPool(region=self.region, group=finding.name),
                self.pace,
            )
        await self.do(
            Groups.mark,
            MarkGroups(region=self.region, tags={finding.name: {names.WOKEN_BY: ""}}),
            self.pace,
        )

    async def _remove_group(self, finding: sweep.Finding) -> None:
        """A launch configuration carries no tag: it is known by the group that used it."""
        mine = RemoveGroup(region=self.region, name=finding.name, release=finding.release)
        await self.do(Groups.remove_group, mine, self.pace, what=f"Remove {finding.name}")
        group = self._group(finding.name)
        if group.launch_template == finding.name:
            await self._remove_template(finding)
        if group.launch_configuration == finding.name:
            await self.do(
                Templates.delete_launch_configuration,
                TemplateRef(region=self.region, name=finding.name),
                self.pace,
            )

    async def _remove_template(self, finding: sweep.Finding) -> None:
        await self.do(
            Templates.delete_launch_template,
            TemplateRef(region=self.region, name=finding.name),
            self.pace,
        )

    async def _unpin(self, finding: sweep.Finding) -> None:
        group = self._group(finding.name)
        original, held = own_minimum(group), bool(group.tags.get(names.RESTORE_REBALANCE))
        await self.do(
            Groups.unpin_minimum,
            Unpin(
                region=self.region, group=finding.name, original=original, resume_az_rebalance=held
            ),
            self.pace,
        )

    async def _remove_bake(self, finding: sweep.Finding) -> None:
        bake = OfRelease(region=self.region, release=finding.release)
        await self.do(
            Builders.destroy_builders,
            bake,
            self.pace,
            what=f"Terminate the builder of {finding.release}",
        )
        await self.do(
            Builders.delete_security_groups,
            bake,
            self.pace,
            what=f"Delete the security group of {finding.release}",
        )

    def _group(self, name: str) -> Group:
        return next(d.group for d in self.inventory.deployments if d.name == name)

    def _goes(self, name: str) -> bool:
        return any(f.name == name for f in (*self._of("park"), *self._of("remove group")))

    def swept(self, *, dry_run: bool) -> Swept:
        serving = next(
            (d.name for d in self.inventory.deployments if d.state is State.SERVING), None
        )
        return Swept(
            stack=self.stack.name,
            dry_run=dry_run,
            serving=serving,
            stopped=self.stopped,
            findings=tuple(f.model_dump() for f in self.findings),
            cleared=tuple(f.name for f in self.done),
            left=self.left,
        )

    def status(self) -> Status:
        return super().status().model_copy(update={"stack": self.stack.name})

    def _of(self, action: str) -> list[sweep.Finding]:
        return [finding for finding in self.findings if finding.action == action]
