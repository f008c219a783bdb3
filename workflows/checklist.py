"""@step: one method, one sentence; ticked in query, log, search attribute and Temporal UI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from domain.status import Bullet, Mark, Phase

P = ParamSpec("P")
R = TypeVar("R")


class Checklist:
    """The bullets of a run. A sentence with several parts (shift, and watch) is done when its last part is."""

    def __init__(self, steps: type, changed: Callable[[], None]) -> None:
        parts = [(sentence, extra) for sentence, extra in _steps(steps)]
        self.bullets: dict[str, Bullet] = {
            sentence: Bullet(text=sentence) for sentence, extra in parts if not extra
        }
        self._parts = {
            sentence: sum(sentence == other for other, _ in parts) for sentence, _ in parts
        }
        self._changed = changed
        self.current = ""

    def begin(self, sentence: str) -> None:
        known = self.bullets.get(sentence, Bullet(text=sentence))
        self.current = sentence
        self.bullets[sentence] = known.model_copy(
            update={"mark": "doing", "started": known.started or _now()}
        )
        if known.mark == "to do":
            workflow.logger.info(sentence)
        self._changed()

    def end_part(self, sentence: str) -> None:
        self._parts[sentence] -= 1
        if self._parts[sentence] <= 0:
            self._mark(
                sentence,
                "done" if self.bullets[sentence].mark == "doing" else self.bullets[sentence].mark,
            )

    def fail(self, sentence: str) -> None:
        self._mark(sentence, "failed")

    def note(self, words: str) -> None:
        """What is known of the current step; the operator sees it while it waits."""
        bullet = self.bullets[self.current]
        if bullet.note != words:
            self.bullets[self.current] = bullet.model_copy(update={"note": words})
            self._changed()

    def skip(self, why: str) -> None:
        self.bullets[self.current] = self.bullets[self.current].model_copy(
            update={"note": why, "mark": "skipped"}
        )

    def _mark(self, sentence: str, mark: Mark) -> None:
        self.bullets[sentence] = self.bullets[sentence].model_copy(
            update={"mark": mark, "ended": _now()}
        )
        self._changed()


class HasChecklist(Protocol):
    checklist: Checklist

    def enter(self, phase: Phase) -> None: ...


S = TypeVar("S", bound=HasChecklist)
Step = Callable[Concatenate[S, P], Coroutine[Any, Any, R]]


def step(
    sentence: str, *, phase: Phase, extra: bool = False
) -> Callable[[Callable[Concatenate[S, P], Awaitable[R]]], Step[S, P, R]]:
    """Tick `sentence` while the method runs. An `extra` one is on the list only once it begins (a way back)."""

    def decorate(method: Callable[Concatenate[S, P], Awaitable[R]]) -> Step[S, P, R]:
        @wraps(method)
        async def ticked(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
            self.enter(phase)
            self.checklist.begin(sentence)
            try:
                result = await method(self, *args, **kwargs)
            except (Exception, asyncio.CancelledError):
                self.checklist.fail(sentence)
                raise
            self.checklist.end_part(sentence)
            return result

        ticked.sentence = (sentence, extra)  # type: ignore[attr-defined]
        return ticked

    return decorate


def sentences(steps: type) -> list[str]:
    """The checklist of a class of steps, in the order in which it defines them."""
    return list(dict.fromkeys(sentence for sentence, extra in _steps(steps) if not extra))


def _steps(steps: type) -> list[tuple[str, bool]]:
    """Bases are listed in their order: a class of steps names them as its story goes."""
    return [
        member.sentence
        for owner in steps.__mro__
        for member in vars(owner).values()
        if hasattr(member, "sentence")
    ]


def _now() -> str:
    return workflow.now().isoformat()
