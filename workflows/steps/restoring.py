"""The part of the way back that a rollback and a sweep share: what served is in the balancer again."""

from __future__ import annotations

from temporalio import workflow

from workflows.steps.base import Steps

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership, Observe
    from activities.group_requests import Resize
    from activities.groups import Groups
    from domain import health
    from domain.config import Stack, Timeouts
    from domain.errors import DeploymentUnhealthy
    from domain.models import Group

# A wait that may last a day must not fill the history.
SLOWEST_LOOK = 300.0


class RestoringSteps(Steps):
    region: str
    stack: Stack
    timeouts: Timeouts
    groups: dict[str, Group]

    async def reattach(
        self, blue: str, target_groups: tuple[str, ...], *, beside: str | None = None
    ) -> None:
        """
        Blue is in the balancer again, as large as what serves beside it by now, and every instance healthy there, before that may go.

        As often in a row as makes a green healthy: right after a detach AWS still shows what was. And attached at each look that
        does not show it so: a detach that hung may take effect late. Raises DeploymentUnhealthy after a day, or where blue is gone.
        """
        look = Observe(
            region=self.region,
            groups=(blue, beside) if beside else (blue,),
            target_groups=target_groups,
        )
        interval = self.timeouts.first_poll
        deadline = workflow.time() + self.way_back
        asked, streak = False, 0
        while True:
            world = await self.certainly(Balancers.observe, look)
            self.groups |= world.groups
            group, green = world.groups.get(blue), world.groups.get(beside or "")
            if group is None:
                raise DeploymentUnhealthy(f"{blue} is gone: somebody deleted it")
            if not asked or not set(target_groups) <= set(group.target_groups):
                await self.certainly(
                    Balancers.attach,
                    Membership(region=self.region, group=blue, target_groups=target_groups),
                )
                asked, streak = True, 0
                continue
            # Alone in the balancer green may have grown: blue gets that load back.
            size = min(green.desired if green else 0, group.max)
            if size > group.desired:
                await self.certainly(
                    Groups.resize, Resize(region=self.region, group=blue, desired=size)
                )
                streak = 0
            elif health.healthy_units(group, target_groups) >= group.desired:
                streak += 1
                if streak >= self.stack.health.reads:
                    return
            else:
                streak = 0
            if workflow.time() > deadline:
                raise DeploymentUnhealthy(
                    f"{blue} did not become healthy again: {health.explain(group, target_groups)}"
                )
            self.checklist.note(f"{blue}: {health.explain(group, target_groups)}")
            await workflow.sleep(
                self.timeouts.confirm if streak else interval,
                summary="until blue is looked at again",
            )
            interval = min(SLOWEST_LOOK, interval * 1.5)
