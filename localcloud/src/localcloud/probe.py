"""One health check of one address: did it pass, and what does AWS say where it did not?"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any


@dataclass
class Check:
    """How a target stands with the checks of its target group."""

    address: str
    port: int
    state: str = "initial"
    reason: str | None = "Elb.RegistrationInProgress"
    description: str | None = None
    passes: int = 0
    failures: int = 0
    due: float = 0
    busy: bool = False

    def note(self, result: Result, group: Any) -> None:
        """Count the result; the state follows the thresholds of the target group."""
        if result.passed:
            self.passes, self.failures = self.passes + 1, 0
        else:
            self.passes, self.failures = 0, self.failures + 1
        enough = self.state == "initial" or self.passes >= int(group.healthy_threshold_count)
        if result.passed and enough:
            self.state, self.reason, self.description = "healthy", None, None
        elif not result.passed and self.failures >= int(group.unhealthy_threshold_count or 2):
            self.state, self.reason = "unhealthy", result.reason
            self.description = result.description


@dataclass(frozen=True)
class Result:
    """`reason` and `description` are AWS's words for a check that did not pass."""

    reason: str | None = None
    description: str | None = None

    @property
    def passed(self) -> bool:
        return self.reason is None


PASSED = Result()


async def probe(address: str, port: int, path: str | None, codes: str, within: float) -> Result:
    """Over HTTP, or over TCP alone without a path. `codes` is a matcher such as 200-299,301."""
    writer = None
    try:
        async with asyncio.timeout(within):
            reader, writer = await asyncio.open_connection(address, port)
            if path is None:
                return PASSED
            writer.write(
                f"GET {path} HTTP/1.1\r\nHost: {address}\r\n"
                "User-Agent: ELB-HealthChecker/2.0\r\nConnection: close\r\n\r\n".encode()
            )
            status = re.match(rb"HTTP/1\.[01] (\d+)", await reader.readline())
    except TimeoutError:
        return Result("Target.Timeout")
    except OSError:
        return Result("Target.FailedHealthChecks")
    finally:
        if writer:
            writer.close()
    if status is None:
        return Result("Target.FailedHealthChecks")
    code = int(status.group(1))
    if _expected(code, codes):
        return PASSED
    return Result("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{code}]")


def _expected(code: int, codes: str) -> bool:
    for part in codes.split(","):
        low, _, high = part.partition("-")
        if int(low) <= code <= int(high or low):
            return True
    return False
