"""The control API, below /localcloud/: requests, faults, capacity, machines. README.md lists it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from localcloud.recording import Record, Start
from localcloud.region import Region
from localcloud.targets import Targets

PREFIX = "/localcloud/"


class Control:
    def __init__(
        self,
        region: Region,
        targets: Targets,
        record: Record,
        environment: Callable[[], dict[str, str]],
    ) -> None:
        self._region, self._targets, self._record = region, targets, record
        self._environment = environment

    def answer(self, environ: dict[str, Any], body: bytes, start: Start) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].split("/")[2:]
        try:
            answer: Any = self._answer(method, path, body)
            status = "200 OK"
        except (LookupError, ValueError, TypeError) as error:
            answer, status = {"error": str(error)}, "400 Bad Request"
        text = json.dumps(answer, default=str).encode()
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]

    def _answer(self, method: str, path: list[str], body: bytes) -> Any:
        match method, path:
            case "GET", ["environment"]:
                return self._environment()
            case "GET", ["requests"]:
                return self._record.listed()
            case "DELETE", ["requests"]:
                self._record.clear()
                return []
            case _, ["faults", *caller]:
                return self._faults(method, caller, body)
            case "GET", ["capacity"]:
                return self._targets.capacity()
            case "DELETE", ["capacity"]:
                for arn in json.loads(body or b"null") or list(self._targets.least):
                    self._targets.least.pop(arn, None)
                return self._targets.capacity()
            case "GET", ["instances"]:
                return self._machines()
            case "POST", ["instances", instance_id, "kill"]:
                self._region.machines[instance_id].kill()
                return {"killed": instance_id}
        raise LookupError(f"the local cloud has no {method} {PREFIX}{'/'.join(path)}")

    def _faults(self, method: str, caller: list[str], body: bytes) -> Any:
        faults = self._region.faults
        match method, caller:
            case "GET", []:
                return faults.listed()
            case "POST", []:
                faults.add(json.loads(body))
                return faults.listed()
            case "DELETE", []:
                faults.clear()
                return []
            case "DELETE", [name]:
                faults.drop(name)
                return []
        raise LookupError(
            f"the local cloud has no {method} {PREFIX}{'/'.join(['faults', *caller])}"
        )

    def _machines(self) -> list[dict[str, Any]]:
        return [
            {
                "id": machine.id,
                "address": machine.address,
                "root": str(machine.root),
                "processes": [one.pid for one in machine.services if one.poll() is None],
            }
            for machine in self._region.machines.values()
            if machine.running
        ]
