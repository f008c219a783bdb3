"""What an operator says to a release that is under way."""

from __future__ import annotations

from typing import Any

from console.temporal import connect, tell


async def send(stack: str, name: str, by: str, reason: str, at: str = "") -> dict[str, Any]:
    message = {"by": by, "reason": reason} | ({"at": at} if at else {})
    return {"stack": stack, "answer": await tell(await connect(), stack, name, message)}
