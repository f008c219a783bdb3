"""Green's scaling policies: those that need no balancer, and those that count its requests."""

from __future__ import annotations

from temporalio import workflow

from workflows.run import Run
from workflows.steps.compensations import GROUP

with workflow.unsafe.imports_passed_through():
    from activities.group_requests import PutPolicies
    from activities.groups import Groups
    from domain import names
    from domain.facts import Facts


class ScalingPolicies:
    def __init__(self, run: Run, facts: Facts) -> None:
        self._run = run
        self._facts = facts

    async def before_attach(self) -> bool:
        """Put the policies that need no balancer. Were there any?"""
        policies = [p for p in self._facts.stack.scaling if p.metric != "requests"]
        if not policies:
            return False
        put = PutPolicies(
            region=self._facts.region,
            group=self._facts.green,
            policies=tuple(policies),
            visible_by=self._run.visible_by(GROUP, self._facts.green),
        )
        await self._run.do(Groups.put_policies, put)
        return True

    async def after_attach(self) -> None:
        """
        AWS takes a policy on requests only for a target group to which the group is attached.

        A woken group still has its policies.
        """
        policies = [p for p in self._facts.stack.scaling if p.metric == "requests"]
        if not policies or self._facts.woken:
            return
        first = self._facts.green_target_group
        put = PutPolicies(
            region=self._facts.region,
            group=self._facts.green,
            policies=tuple(policies),
            label=names.resource_label(first.load_balancers[0], first.arn),
        )
        what = "Set the scaling policy on the balancer's requests"
        await self._run.do(Groups.put_policies, put, what=what)
