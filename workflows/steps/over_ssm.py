"""A temporary instance that admits nobody: AWS Systems Manager runs the recipe's scripts on it."""

from __future__ import annotations

from temporalio import workflow

from workflows.policies import poll
from workflows.run import Run
from workflows.steps.temporary import INSTANCE, Temporary

with workflow.unsafe.imports_passed_through():
    from activities.builders import BuilderRef, Builders, LaunchBuilder
    from activities.provisioning import CommandRef, Provisioning, StartProvisioner, made_of
    from domain import names
    from domain.bake import BakeFacts


class OverSsm:
    """`role` is what the instance is for: builder or verifier."""

    def __init__(self, run: Run, facts: BakeFacts, temporary: Temporary, role: str) -> None:
        self._run = run
        self._facts = facts
        self._temporary = temporary
        self._role = role
        self._instance = ""

    @property
    def reference(self) -> BuilderRef:
        return BuilderRef(region=self._facts.region, id=self._instance)

    async def start(self, image: str, security_group: str, user_data: str = "") -> None:
        """In the first subnet that has capacity. Then wait until its SSM agent answers."""
        async with self._run.making(INSTANCE, self._role):
            self._instance = await self._temporary.where_there_is_capacity(
                lambda number, subnet: self._launch(
                    number, subnet, image, security_group, user_data
                )
            )
        timeouts = self._run.timeouts
        pace = poll(timeouts.confirm, timeouts.healthy)
        what = "Wait until its SSM agent answers"
        await self._run.do(Builders.builder_online, self.reference, pace, what=what)

    async def _launch(
        self, number: int, subnet: str, image: str, security_group: str, user_data: str
    ) -> str:
        facts, bake = self._facts, self._facts.stack.bake
        # Another subnet is another launch: AWS refuses the same token with other parameters.
        token = self._role if number == 1 else f"{self._role} {number}"
        launch = LaunchBuilder(
            region=facts.region,
            image=image,
            type=facts.instance_type,
            subnet=subnet,
            security_group=security_group,
            tags=facts.tags,
            profile=bake.profile,
            dead_man_minutes=bake.dead_man_minutes,
            kms_key=bake.kms_key,
            user_data=user_data,
            token=names.token(facts.owner, token),
        )
        return await self._run.do(Builders.launch_builder, launch)

    async def run_provisioner(self, provisioner: str, recipe: str = "") -> None:
        """
        The recipe's scripts of that provisioner; `recipe` is the hash that they must have.

        A worker that takes over finds the command that runs.
        """
        facts, bake, timeouts = self._facts, self._facts.stack.bake, self._run.timeouts
        log = f"{facts.log}/{provisioner}.log"
        self._run.checklist.note(f"log: s3://{bake.artifacts_bucket}/{log}")
        start = StartProvisioner(
            region=facts.region,
            instance=self._instance,
            provisioner=provisioner,
            token=names.token(facts.owner, provisioner),
            bucket=bake.artifacts_bucket,
            log=log,
            timeout=timeouts.provision,
            recipe=recipe,
            made_of=made_of(facts.stack),
            manifest=facts.manifest if provisioner == "code" else "",
            variables=self._variables,
        )
        pace = poll(timeouts.confirm, timeouts.healthy)
        command: str = await self._run.do(Provisioning.start_provisioner, start, pace)
        running = CommandRef(
            region=facts.region,
            instance=self._instance,
            id=command,
            provisioner=provisioner,
            bucket=bake.artifacts_bucket,
            log=log,
        )
        pace = poll(timeouts.confirm, timeouts.provision)
        await self._run.do(Provisioning.provisioner_finished, running, pace)

    @property
    def _variables(self) -> dict[str, str]:
        identity = self._facts.identity
        return {
            "OVENBIRD_APPLICATION": identity.application,
            "OVENBIRD_REPOSITORY": self._facts.stack.application.repository,
            "OVENBIRD_TAG": identity.tag,
            "OVENBIRD_COMMIT": identity.commit,
            "OVENBIRD_CREDENTIAL": self._facts.credential,
        }
