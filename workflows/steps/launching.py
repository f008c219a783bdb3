"""Sentences one to six: from the tag to a healthy green beside blue."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.checklist import step
from workflows.policies import A_DAY, poll, poll_certainly
from workflows.steps.base import is_verdict
from workflows.steps.releasing import ReleasingSteps

with workflow.unsafe.imports_passed_through():
    from activities.bakes import Bakes, JoinBake, LeaveBake
    from activities.balancers import Balancers, Membership, Observe
    from activities.groups import EnsureGroup, Groups, Pin, PutPolicies, RemoveGroup, Unpin
    from activities.images import FindImages, Images
    from activities.templates import EnsureTemplate, TemplateRef, Templates
    from domain import capacity, names
    from domain.errors import BakeAbandoned
    from domain.images import reusable
    from domain.models import BakeRequest, Image, Observation
    from domain.status import BakeLink


class LaunchingSteps(ReleasingSteps):
    @step("Find the image of the tag, or bake it", phase="baking")
    async def find_or_bake_image(self) -> Image:
        self.images = await self.do(Images.find_images, FindImages(region=self.region, application=self.identity.application))
        found = reusable(self.images, self.identity)
        if found:
            self.checklist.note(f"{found.id} was baked before")
            return found
        self.bake = BakeLink(workflow_id=self.identity.workflow_id)
        self.checklist.note(f"baking: {self.identity.workflow_id}")
        me = workflow.info()
        waiter = me.workflow_id
        self.before("leave the bake", self._leave_bake, f"temporal workflow cancel --workflow-id {self.identity.workflow_id}")
        request = BakeRequest(stack=self.stack.name, tag=self.request.tag, commit=self.identity.commit)
        join = JoinBake(workflow_id=self.identity.workflow_id, task_queue=me.task_queue, request=request, waiter=waiter)
        image = await self._bake(join)
        self.checklist.note(f"{image.id}, baked now")
        if self.blue:
            # Hours may have passed since blue was last seen.
            world: Observation = await self.do(Balancers.observe, Observe(region=self.region, groups=(self.blue.name,)))
            self.groups |= world.groups
        return image

    async def _bake(self, join: JoinBake) -> Image:
        """Joined again where it ended under us, because the last other release that waited for it left at that moment."""
        while True:
            run = await self.do(Bakes.join_bake, join)
            try:
                return await self.do(Bakes.bake_finished, run, poll(self.patience.confirm, A_DAY.total_seconds()))
            except ActivityError as error:
                if not is_verdict(error, BakeAbandoned):
                    raise

    @step("Create a launch template (or launch configuration) from the image", phase="launching")
    async def create_template(self, image: Image) -> None:
        template = EnsureTemplate(
            region=self.region, name=self.green, image=image.id, instance=self.stack.instance, tags=self.tags,
            token=names.token(self.release, "template"),
        )  # fmt: skip
        mine = TemplateRef(region=self.region, name=self.green)
        if self.stack.launch == "configuration":
            self.before(
                "delete the launch configuration", lambda: self.certainly(Templates.delete_launch_configuration, mine),
                f"aws autoscaling delete-launch-configuration --launch-configuration-name {self.green}",
            )  # fmt: skip
            await self.do(Templates.ensure_launch_configuration, template)
        else:
            self.before(
                "delete the launch template", lambda: self.certainly(Templates.delete_launch_template, mine),
                f"aws ec2 delete-launch-template --launch-template-name {self.green}",
            )  # fmt: skip
            await self.do(Templates.ensure_launch_template, template)

    @step("Create an Auto Scaling group from it, as large as blue is now", phase="launching")
    async def create_group(self) -> None:
        await self._pin_blue()
        size = capacity.needed(self.groups.get(self.blue.name) if self.blue else None, self.stack.capacity)
        least, most = capacity.bounds(size, self.stack.capacity)
        self.checklist.note(f"{self.green}, {size} instances")
        self.before(
            f"remove {self.green}",
            lambda: self.certainly(
                Groups.remove_group,
                RemoveGroup(region=self.region, name=self.green, release=self.release),
                poll_certainly(self.patience.confirm),
            ),
            f"aws autoscaling update-auto-scaling-group --min-size 0 --desired-capacity 0 --auto-scaling-group-name {self.green}, "
            f"and once it is empty: aws autoscaling delete-auto-scaling-group --auto-scaling-group-name {self.green}",
        )
        await self.do(
            Groups.ensure_group,
            EnsureGroup(
                region=self.region, name=self.green, launch=self.green, configuration=self.stack.launch == "configuration",
                subnets=self.stack.network.subnets, min=least, max=most, desired=size,
                health_check_grace=self.stack.load_balancer.health_check_grace, tags=self.tags,
            ),
        )  # fmt: skip

    @step("Set its scaling policies", phase="launching")
    async def set_scaling_policies(self) -> None:
        policies = tuple(policy for policy in self.stack.scaling if policy.metric != "requests")
        if policies:
            await self.do(Groups.put_policies, PutPolicies(region=self.region, group=self.green, policies=policies))
        else:
            self.checklist.skip("the stack has none that can be set before the attach" if self.stack.scaling else "the stack has none")

    @step("Attach it to the load balancer", phase="launching")
    async def attach(self) -> None:
        await self.do(Balancers.attach, Membership(region=self.region, group=self.green, target_groups=self.arns))
        policies = tuple(policy for policy in self.stack.scaling if policy.metric == "requests")
        if policies:
            # AWS takes a policy on the balancer's requests only for a target group that the group is attached to.
            first = self.target_groups[0]
            await self.do(
                Groups.put_policies,
                PutPolicies(
                    region=self.region, group=self.green, policies=policies, label=names.resource_label(first.load_balancers[0], first.arn)
                ),
                what="Set the scaling policy on the balancer's requests",
            )

    @step("Wait until every instance is healthy", phase="waiting_healthy")
    async def wait_until_healthy(self) -> None:
        await self.until_healthy(first_look=self.patience.first_look, reads=self.stack.health.reads)

    async def _pin_blue(self) -> None:
        """Both will share the load from the attach on: blue's policies would scale it in, and an abort would find it small."""
        blue = self.groups.get(self.blue.name) if self.blue else None
        if blue is None or blue.min >= blue.desired:
            return
        original = Unpin(region=self.region, group=blue.name, original=blue.min)
        self.before(
            f"restore the minimum of {blue.name}", lambda: self.certainly(Groups.unpin_minimum, original),
            f"aws autoscaling update-auto-scaling-group --auto-scaling-group-name {blue.name} --min-size {blue.min}",
        )  # fmt: skip
        await self.do(
            Groups.pin_minimum, Pin(region=self.region, group=blue.name, minimum=blue.desired, original=blue.min),
            what=f"Pin the minimum of {blue.name} while both serve",
        )  # fmt: skip

    async def _leave_bake(self) -> None:
        await self.certainly(Bakes.leave_bake, LeaveBake(workflow_id=self.identity.workflow_id, waiter=workflow.info().workflow_id))
