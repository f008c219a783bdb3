"""Sentences five and six: green joins the balancer, and is healthy there."""

from __future__ import annotations

from temporalio import workflow

from workflows.checklist import step
from workflows.steps.releasing import ReleasingSteps

with workflow.unsafe.imports_passed_through():
    from activities.balancers import Balancers, Membership
    from activities.group_requests import PutPolicies
    from activities.groups import Groups
    from domain import names


class JoiningSteps(ReleasingSteps):
    @step("Attach it to the load balancer", phase="launching")
    async def attach(self) -> None:
        if self.traffic.serves_at_once and self.blue:
            await self.until_it_may()
        await self.do(
            Balancers.attach,
            Membership(
                region=self.region,
                group=self.green,
                target_groups=self.traffic.green_arns,
                visible_by=self.visible_by("Auto Scaling group", self.green),
            ),
        )
        policies = tuple(policy for policy in self.stack.scaling if policy.metric == "requests")
        if policies and self.green not in [deployment.name for deployment in self.deployments]:
            # What was woken has its policies still.
            # AWS takes a policy on the balancer's requests only for a target group that the group is attached to.
            first = self.green_target_group
            await self.do(
                Groups.put_policies,
                PutPolicies(
                    region=self.region,
                    group=self.green,
                    policies=policies,
                    label=names.resource_label(first.load_balancers[0], first.arn),
                ),
                what="Set the scaling policy on the balancer's requests",
            )

    @step("Wait until every instance is healthy", phase="waiting_healthy")
    async def wait_until_healthy(self) -> None:
        await self.until_healthy(first_poll=self.timeouts.first_poll, reads=self.stack.health.reads)
        await self.traffic.show(self)
        await self.run_hooks("pre_cutover")
