"""The record of all API requests, and what a fault does to one of them."""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from localcloud import wire
from localcloud.faults import Fault

KEPT_REQUESTS = 100_000
Headers = list[tuple[str, str]]
Start = Callable[[str, Headers], Any]


class Request:
    """One API request: what was called, and the entry of the record that says what became of it."""

    def __init__(self, environ: dict[str, Any], call: wire.Call, start: Start) -> None:
        self.environ, self.call, self.start = environ, call, start
        self.entry: dict[str, Any] = {
            "at": time.time(),
            "service": call.service,
            "action": call.action,
            "caller": call.caller,
            "outcome": "",
            "parameters": call.parameters,
            "fault": None,
        }

    def meet_before(self, fault: Fault) -> Iterable[bytes] | None:
        """What the fault answers in place of AWS; None where the call takes effect first."""
        self.entry["fault"] = fault.kind
        if fault.kind in ("latency", "hang"):
            time.sleep(fault.seconds)
        if fault.kind in ("reset", "hang"):
            self.entry["outcome"] = "connection dropped"
            return self._drop()
        if fault.kind in ("throttle", "error"):
            return self._refuse(fault)
        return None

    def finish(
        self, status: str, headers: Headers, reply: bytes, fault: Fault | None
    ) -> Iterable[bytes]:
        outcome = "ok" if status.startswith("2") else wire.error_code(reply) or status
        self.entry["outcome"] = outcome
        self.entry["seconds"] = time.time() - self.entry["at"]
        if fault and fault.kind in ("lost_reply", "late_reply"):
            if fault.kind == "late_reply":
                time.sleep(fault.seconds)
            self.entry["outcome"] += " (reply lost)"
            return self._drop()
        self.start(status, headers)
        return [reply]

    def _refuse(self, fault: Fault) -> Iterable[bytes]:
        code, message, status = fault.code, "injected fault", fault.status
        if fault.kind == "throttle":
            code = "RequestLimitExceeded" if self.call.protocol == "ec2" else "Throttling"
            message, status = "Rate exceeded", 400
        self.entry["outcome"] = code
        line, headers, reply = wire.error(self.call, code, message, status)
        self.start(line, headers)
        return [reply]

    def _drop(self) -> Iterable[bytes]:
        """Close the connection with no answer: the caller cannot know what its call has done."""
        self.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        self.start("200 OK", [])
        return []


class Record:
    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)

    def add(self, request: Request) -> None:
        self._entries.append(request.entry)

    def listed(self) -> list[dict[str, Any]]:
        return list(self._entries)

    def clear(self) -> None:
        self._entries.clear()
