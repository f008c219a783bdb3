"""The stack's hooks: asked one after the other at certain moments of a release."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.failures import describe
from workflows.policies import poll
from workflows.run import Run
from workflows.world import World

with workflow.unsafe.imports_passed_through():
    from activities.hooks import Hooks as Activities
    from activities.hooks import RunHook
    from domain import names
    from domain.config import Hook
    from domain.facts import Facts


class Hooks:
    def __init__(self, run: Run, facts: Facts, world: World) -> None:
        self._run = run
        self._facts = facts
        self._world = world

    async def ask(self, when: str) -> None:
        """
        Raises the ActivityError of the first hook that says no, or nothing in time.

        In a rollback that is noted. What makes a hook say no, or has taken it down, may be what is
        rolled back: an exhausted error budget, a database.
        """
        for hook in self._facts.stack.hooks:
            if hook.when == when:
                try:
                    words = await self._answer(hook)
                except ActivityError as error:
                    if self._run.kind != "rollback":
                        raise
                    words = f"it does not judge a rollback: {describe(error)}"
                self._run.note(f"hook {hook.name}: {words or 'passed'}")

    async def _answer(self, hook: Hook) -> str:
        pace = poll(self._run.timeouts.confirm, hook.timeout)
        call = self._call(hook)
        return await self._run.do(Activities.run_hook, call, pace, what=f"Hook {hook.name}")

    async def tell_of_rollback(self, reason: str) -> None:
        """Their answers change nothing, because the way back is complete. A failure is noted."""
        for hook in self._facts.stack.hooks:
            if hook.when == "on_rollback":
                pace = poll(self._run.timeouts.confirm, hook.timeout)
                call = self._call(hook, reason)
                told = self._run.certainly(
                    Activities.run_hook, call, pace, what=f"Hook {hook.name}"
                )
                await self._run.attempt(f"tell the hook {hook.name}", told)

    def _call(self, hook: Hook, reason: str = "") -> RunHook:
        facts = self._facts
        green = self._world.groups.get(facts.green) if hook.command else None
        looked = green.health if green else None
        return RunHook(
            region=facts.region,
            hook=hook,
            delivery=names.token(facts.owner, "hook", hook.name),
            about=facts.about
            | {
                "deployment": facts.green,
                "serving": facts.blue.tag if facts.blue else "",
                "reason": reason,
            },
            instance=looked.example if looked else "",
            brief=self._run.kind == "rollback",
        )
