"""The checklist of a run, and @sentence: one method, one bullet, ticked wherever a person looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from temporalio import workflow

from workflows.chain import Chain

with workflow.unsafe.imports_passed_through():
    from domain.bounded import LONGEST_NOTE, shortened
    from domain.status import Bullet, Mark, Phase

P = ParamSpec("P")
R = TypeVar("R")


class Checklist:
    """The bullets of a run, in the order of its sentences. Each change calls `changed`."""

    def __init__(self, sentences: Sequence[str], changed: Callable[[], None]) -> None:
        self._bullets = {text: Bullet(text=text) for text in sentences}
        self._changed = changed
        self.current = ""

    @property
    def bullets(self) -> tuple[Bullet, ...]:
        return tuple(self._bullets.values())

    def restore(self, bullets: Sequence[Bullet]) -> None:
        self._bullets = {bullet.text: bullet for bullet in bullets}

    def begin(self, text: str) -> None:
        """One that is not on the list yet, such as a way back, comes to its end."""
        known = self._bullets.get(text, Bullet(text=text))
        self.current = text
        doing = {"mark": "doing", "started": known.started or _now()}
        self._bullets[text] = known.model_copy(update=doing)
        if known.mark == "to do":
            workflow.logger.info(text)
        self._changed()

    def end(self, text: str) -> None:
        mark = self._bullets[text].mark
        self._mark(text, "done" if mark == "doing" else mark)

    def fail(self, text: str) -> None:
        self._mark(text, "failed")

    def note(self, words: str) -> None:
        """What is known of the current bullet; an operator reads it while the run waits."""
        bullet, words = self._bullets.get(self.current), shortened(words, LONGEST_NOTE)
        if bullet and bullet.note != words:
            self._bullets[self.current] = bullet.model_copy(update={"note": words})
            self._changed()

    def skip(self, why: str) -> None:
        skipped = {"note": shortened(why, LONGEST_NOTE), "mark": "skipped"}
        self._bullets[self.current] = self._bullets[self.current].model_copy(update=skipped)

    def _mark(self, text: str, mark: Mark) -> None:
        ended = {"mark": mark, "ended": _now()}
        self._bullets[text] = self._bullets[text].model_copy(update=ended)
        self._changed()


class _RunOfAPart(Protocol):
    chain: Chain
    checklist: Checklist

    def enter(self, phase: Phase) -> None: ...


class _Part(Protocol):
    @property
    def run(self) -> _RunOfAPart: ...


S = TypeVar("S", bound=_Part)
Method = Callable[Concatenate[S, P], Coroutine[Any, Any, R]]


def sentence(
    text: str, *, phase: Phase, continued: bool = False
) -> Callable[[Callable[Concatenate[S, P], Awaitable[R]]], Method[S, P, R]]:
    """
    Tick the bullet `text` while the method runs, and enter `phase`.

    `continued`: another method goes on with the same sentence, and that one ends it. In a run that
    was continued as new, a method that ended before returns what it returned then.
    """

    def decorate(method: Callable[Concatenate[S, P], Awaitable[R]]) -> Method[S, P, R]:
        @wraps(method)
        async def ticked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            checklist = self.run.checklist
            ended, known = self.run.chain.ended_before(method.__qualname__)
            if ended:
                return cast("R", known)
            self.run.enter(phase)
            checklist.begin(text)
            try:
                result = await method(self, *args, **kwargs)
            except (Exception, asyncio.CancelledError):
                checklist.fail(text)
                raise
            if not continued:
                checklist.end(text)
            self.run.chain.has_ended(method.__qualname__, result)
            return result

        ticked.sentence = text  # type: ignore[attr-defined]
        return ticked

    return decorate


def _now() -> str:
    return workflow.now().isoformat()
