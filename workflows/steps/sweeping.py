"""What a sweep does, in its order: look, bring back what serves, and only then remove."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.checklist import sentence
from workflows.failures import describe
from workflows.policies import ATTEMPT, poll
from workflows.run import Run
from workflows.steps.clearing import Clearing
from workflows.steps.restoring import Back, Restoring
from workflows.steps.sweep_looks import SweepLooks

with workflow.unsafe.imports_passed_through():
    from activities.inventory import Inventories, TakeInventory, WhenClosed, WhichRun
    from activities.rules import FindRules, ReturnWeights, Rules
    from domain import names, sweep, sweep_ages, sweep_plausible, sweep_traffic
    from domain.answering import Wiring
    from domain.config import Stack
    from domain.errors import NotRestored
    from domain.health import health_of
    from domain.models import Deployment, State, Swept

# These take traffic or capacity away, if the group has any.
TAKES_AWAY = ("park", "remove group")
UNDER_WAY = "a release or rollback of it is under way"


class Sweeping:
    """`by_name`: a person named this stack, so what a closed run left need not be old."""

    def __init__(
        self,
        run: Run,
        stack: Stack,
        wiring: Wiring,
        restoring: Restoring,
        *,
        by_name: bool,
    ) -> None:
        self.run = run
        self._by_name = by_name
        self._stack = stack
        self._wiring = wiring
        self._restoring = restoring
        self._arns = wiring.arns
        self._inventory = sweep.Inventory()
        self._findings: list[sweep.Finding] = []
        self._done: list[sweep.Finding] = []
        self._left: dict[str, str] = {}
        self._stopped = ""
        # Units of what serves that were not healthy when it was as good as it becomes.
        self._missing = 0

    @property
    def stopped(self) -> str:
        """Why nothing is to be cleared; empty where it is."""
        return self._stopped

    @sentence("Find what releases have left that no longer run", phase="sweeping")
    async def find(self) -> None:
        """Tags say which release made a thing. Temporal says whether that release runs."""
        self._inventory = await self._take_inventory()
        running, under_way = await self._running()
        if under_way:
            # A release that runs has blue pinned and detached, and green without its mark.
            self._stopped, self._findings = UNDER_WAY, []
            return
        found = sweep.find(self._inventory, running)
        dispute = sweep_traffic.dispute(self._inventory, found)
        if dispute:
            found = [finding for finding in found if finding.name not in dispute.names]
        self._findings = await self._dated(found)
        wrong = sweep_plausible.looks_wrong(self._inventory, self._ripe, self._stack.sweeping.share)
        self._stopped = dispute.words if dispute else wrong
        self.run.checklist.note(self._stopped or f"{len(self._findings)} findings")

    async def _dated(self, findings: list[sweep.Finding]) -> list[sweep.Finding]:
        """
        A worker may still execute a call of a run that was terminated a moment ago: for one attempt
        at most, and AWS may show its effect later.
        """
        releases = tuple(sorted({finding.release for finding in findings} - {""}))
        if not releases:
            return findings
        asked, what = WhenClosed(releases=releases), "When did they end?"
        closed = await self.run.do(Inventories.when_closed, asked, what=what)
        surely = ATTEMPT + timedelta(seconds=self._stack.timeouts.consistency_grace)
        return sweep_ages.dated(
            findings,
            closed,
            now=workflow.now(),
            age=timedelta(seconds=self._stack.sweeping.age),
            surely=surely if self._by_name else None,
        )

    async def _take_inventory(self) -> sweep.Inventory:
        stack = self._stack
        take = TakeInventory(
            region=stack.region,
            stack=stack.name,
            application=stack.application.name,
            target_groups=self._arns,
        )
        inventory = await self.run.do(Inventories.take_inventory, take)
        if not self._wiring.weighted:
            return inventory
        find = FindRules(
            region=stack.region,
            target_groups=self._wiring.target_groups,
            preview=self._wiring.preview,
        )
        rules = await self.run.do(Rules.find_rules, find, what="How are they wired?")
        return inventory.model_copy(update={"rules": tuple(rules)})

    async def _running(self) -> tuple[list[str], bool]:
        """The releases that still run; and does one of them hold this stack's lock?"""
        inventory = self._inventory
        owners = {d.release for d in inventory.deployments}
        owners |= {o.release for o in inventory.owned}
        owners |= {d.group.tags.get(names.WOKEN_BY, "") for d in inventory.deployments}
        lock = names.owner(names.lock(self._stack.name), "")
        owners = {*owners, lock} - {""}
        asked = WhichRun(releases=tuple(sorted(owners)), but=workflow.info().workflow_id)
        what = "Which of them still run?"
        running = await self.run.do(Inventories.which_run, asked, what=what)
        return running, lock in running

    @sentence(
        "Bring back what serves: in the load balancer, every instance healthy", phase="sweeping"
    )
    async def restore(self) -> None:
        """
        Before anything is removed: what a dead release left may be all that serves now.

        To be attached is not enough. Where something leaves the balancer, what stays must be
        healthy in it.
        """
        back, weigh, home = self._of("attach"), self._of("weigh"), sweep.home(self._inventory)
        beside = sweep_traffic.beside(self._inventory)
        losing = [d for d in beside if weigh or self._goes(d.name)]
        serving = self._serving
        if serving is None or not (back or losing or weigh):
            return
        theirs = serving.group.target_groups
        arns = (home,) if home else tuple(arn for arn in self._arns if back or arn in theirs)
        seen = await self._restoring.restore(
            Back(
                name=serving.name,
                target_groups=arns,
                beside=tuple(d.name for d in losing),
                has_left=bool(back),
            )
        )
        group = seen.groups[serving.name]
        self._missing = group.desired - health_of(group).units
        if weigh and home:
            weights = ReturnWeights(
                region=self._stack.region,
                target_groups=self._wiring.target_groups,
                preview=self._wiring.preview,
                live=home,
                idle=next(arn for arn in self._arns if arn != home),
            )
            pace = poll(self.run.timeouts.confirm, self.run.timeouts.way_back)
            what = f"All of the traffic to {serving.name}"
            await self.run.do(Rules.return_weights, weights, pace, what=what)
        self._done += back + weigh

    @sentence(
        "Park what was woken, remove what never served, lower pinned minimums", phase="sweeping"
    )
    async def remove(self) -> None:
        """
        Each finding by itself. What cannot be cleared now is reported; it keeps neither the lock
        nor the rest.
        """
        clearing = Clearing(self.run, self._stack, self._inventory)
        looks = SweepLooks(self.run, self._stack, self._wiring, self._serving)
        for action in (
            *("park", "remove group", "remove template", "unpin", "remove bake"),
            "remove snapshot",
        ):
            for finding in self._of(action):
                try:
                    if action in TAKES_AWAY:
                        await looks.before_it_leaves(finding.name, self._missing)
                    await clearing.clear(finding)
                    self._done.append(finding)
                except (ActivityError, NotRestored) as error:
                    self._left[finding.name] = describe(error)
        gone = {finding.name for finding in self._done if finding.action in TAKES_AWAY}
        self._left |= await looks.broken(gone)

    def swept(self, *, dry_run: bool) -> Swept:
        return Swept(
            stack=self._stack.name,
            dry_run=dry_run,
            serving=self._serving.name if self._serving else None,
            stopped=self._stopped,
            findings=tuple(finding.model_dump() for finding in self._findings),
            cleared=tuple(finding.name for finding in self._done),
            left=self._left if dry_run else self._left | self._too_young(),
        )

    def failed(self, reason: str) -> Swept:
        self._stopped = reason
        return self.swept(dry_run=False)

    @property
    def outcome(self) -> str:
        cleared = f"{len(self._done)} of {len(self._findings)} findings are cleared"
        return self._stopped or cleared

    @property
    def clears_nothing(self) -> bool:
        return not self._ripe

    @property
    def _ripe(self) -> list[sweep.Finding]:
        return [finding for finding in self._findings if not finding.not_before]

    def _too_young(self) -> dict[str, str]:
        return {
            finding.name: f"too young: it may be touched from {finding.not_before} on"
            for finding in self._findings
            if finding.not_before
        }

    @property
    def _serving(self) -> Deployment | None:
        deployments = self._inventory.deployments
        return next((d for d in deployments if d.state is State.SERVING), None)

    def _of(self, action: str) -> list[sweep.Finding]:
        return [finding for finding in self._ripe if finding.action == action]

    def _goes(self, name: str) -> bool:
        return any(f.name == name for f in (*self._of("park"), *self._of("remove group")))
