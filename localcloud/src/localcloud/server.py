"""The region's front door: the AWS API with a record, faults and one lock, and the control API beside it."""

from __future__ import annotations

import functools
import io
import json
import os
import signal
import socket
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_plus

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")

import moto.core.responses
from moto import backends
from moto.core.serialize import XFormedAttributePicker
from moto.ec2.models import ec2_backends
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server

from localcloud import (
    commands,
    consistency,
    guards,
    images,
    instances,
    lifecycle,
    limits,
    metadata,
    wire,
)
from localcloud.balancer import Balancer, require_platform
from localcloud.faults import API_KINDS, Fault
from localcloud.groups import Groups
from localcloud.lease import take_lease
from localcloud.region import Region, backend, correct
from localcloud.settings import ACCOUNT, Settings
from localcloud.ssh import Ssh
from localcloud.targets import Targets

KEPT_REQUESTS = 100_000
# moto lists its own package's directory, and each response class's methods, anew for every request.
backends.list_of_moto_modules = functools.cache(
    lambda listed=backends.list_of_moto_modules: tuple(listed())
)
moto.core.responses.method_names_from_class = functools.cache(
    moto.core.responses.method_names_from_class
)


_possible_keys: dict[Any, tuple[str, ...]] = {}


@correct(XFormedAttributePicker, "get_possible_keys")
def possible_keys(original: Any, self: Any, context: Any) -> tuple[str, ...]:
    """The names under which an attribute may be found; moto works them out for each member of each object of each answer."""
    shape = context.shape
    key = (
        context.service_model.service_name,
        getattr(getattr(shape, "parent", None), "name", ""),
        shape.name,
        context.key,
        type(context.obj),
    )
    if key not in _possible_keys:
        _possible_keys[key] = tuple(dict.fromkeys(original(self, context)))
    return _possible_keys[key]


Start = Callable[[str, list[tuple[str, str]]], Any]


class _Handler(MotoRequestHandler):  # type: ignore[misc]
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (werkzeug's own name)
        """The request record says more than an access log would."""


class LocalCloud:
    """One cloud in this process. There can be only one: moto's state is the process's."""

    def __init__(self, make_settings: Callable[[int], Settings]) -> None:
        require_platform()
        lease = take_lease()
        self.settings = make_settings(lease.network)
        self.region = Region(self.settings, lease)
        self.requests: deque[dict[str, Any]] = deque(maxlen=KEPT_REQUESTS)
        targets = Targets(self.region)
        self.targets = targets
        self.balancer = Balancer(self.region, targets)
        self.ssh = Ssh(self.region)
        instances.install(self.region, self.ssh)
        for part in (images, guards, commands, consistency, lifecycle, limits):
            part.install(self.region)
        targets.install()
        Groups(self.region, targets).install()
        self.balancer.install()
        self._moto = DomainDispatcherApplication(_app_that_raises)
        self._server = make_server(
            "127.0.0.1", self.settings.port, self, threaded=True, request_handler=_Handler
        )
        self.region.endpoint = self.endpoint

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        backend(
            ec2_backends, self.settings.region
        )  # the first use of EC2 loads its tables: a second that no caller should wait
        self.balancer.start()
        self.targets.start()
        self.region.start()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self.region.stop()
        self.balancer.stop()
        self.region.lease.release()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        chunked = environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH")
        body = environ["wsgi.input"].read(
            -1 if chunked else int(environ.get("CONTENT_LENGTH") or 0)
        )
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
        if environ["PATH_INFO"].startswith(metadata.PREFIX):
            return metadata.answer(self.region, environ, start)
        if environ["PATH_INFO"].startswith("/localcloud/"):
            return self._control(environ, body, start)
        call = wire.read(environ, body)
        entry: dict[str, Any] = {
            "at": time.time(),
            "service": call.service,
            "action": call.action,
            "caller": call.caller,
            "outcome": "",
            "parameters": call.parameters,
        }
        self.requests.append(entry)
        fault = self.region.faults.take(
            API_KINDS,
            call.action,
            service=call.service,
            caller=call.caller,
            body=unquote_plus(body.decode("latin1")),
        )
        entry["fault"] = fault.kind if fault else None
        if fault:
            time.sleep(fault.seconds if fault.kind in ("latency", "hang") else 0)
            if fault.kind in ("reset", "hang"):
                return self._drop(environ, entry, start)
            if fault.kind in ("throttle", "error"):
                return self._refuse(call, fault, entry, start)
        status, headers, reply = self._ask_moto(environ, call)
        if call.service == "elasticloadbalancing" and not call.action.startswith("Describe"):
            self.balancer.look_again()
        entry["outcome"] = "ok" if status.startswith("2") else wire.error_code(reply) or status
        entry["seconds"] = time.time() - entry["at"]
        if fault and fault.kind in ("lost_reply", "late_reply"):
            time.sleep(fault.seconds if fault.kind == "late_reply" else 0)
            entry["outcome"] += " (reply lost)"
            return self._drop(environ, None, start)
        start(status, headers)
        return [reply]

    def _ask_moto(
        self, environ: dict[str, Any], call: wire.Call
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        reply: dict[str, Any] = {}
        try:
            with self.region.lock:
                chunks = self._moto(
                    environ,
                    lambda status, headers, _=None: reply.update(status=status, headers=headers),
                )
                body = b"".join(chunks)
        except NotImplementedError as error:
            return wire.error(
                call,
                "NotImplemented",
                f"the local cloud does not model this: {call.action}: {error}",
                400,
            )
        except Exception as error:
            traceback.print_exc()
            return wire.error(call, "InternalFailure", f"{type(error).__name__}: {error}", 500)
        return reply["status"], reply["headers"], body

    @staticmethod
    def _refuse(
        call: wire.Call, fault: Fault, entry: dict[str, Any], start: Start
    ) -> Iterable[bytes]:
        code, status = (
            ("Throttling" if call.protocol != "ec2" else "RequestLimitExceeded", 400)
            if fault.kind == "throttle"
            else (fault.code, fault.status)
        )
        entry["outcome"] = code
        line, headers, reply = wire.error(
            call, code, "Rate exceeded" if fault.kind == "throttle" else "injected fault", status
        )
        start(line, headers)
        return [reply]

    @staticmethod
    def _drop(
        environ: dict[str, Any], entry: dict[str, Any] | None, start: Start
    ) -> Iterable[bytes]:
        """Close the connection with no answer: the caller cannot know what became of its call."""
        if entry is not None:
            entry["outcome"] = "connection dropped"
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        start("200 OK", [])
        return []

    def _control(self, environ: dict[str, Any], body: bytes, start: Start) -> Iterable[bytes]:
        try:
            answer: Any = self._steer(
                environ["REQUEST_METHOD"], environ["PATH_INFO"].split("/")[2:], body
            )
            status = "200 OK"
        except (LookupError, ValueError, TypeError) as error:
            answer, status = {"error": str(error)}, "400 Bad Request"
        text = json.dumps(answer, default=str).encode()
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]

    def _steer(self, method: str, path: list[str], body: bytes) -> Any:
        """The control API; README.md lists it."""
        match method, path:
            case "GET", ["environment"]:
                return self.environment()
            case "GET", ["requests"]:
                return list(self.requests)
            case "DELETE", ["requests"]:
                self.requests.clear()
                return []
            case "GET", ["faults"]:
                return self.region.faults.listed()
            case "POST", ["faults"]:
                self.region.faults.add(json.loads(body))
                return self.region.faults.listed()
            case "DELETE", ["faults"]:
                self.region.faults.replace([])
                return []
            case "DELETE", ["faults", caller]:
                self.region.faults.drop(caller)
                return []
            case "GET", ["capacity"]:
                return self.targets.capacity()
            case "DELETE", ["capacity"]:
                for arn in json.loads(body or b"null") or list(self.targets.least):
                    self.targets.least.pop(arn, None)
                return self.targets.capacity()
            case "GET", ["instances"]:
                return [
                    {
                        "id": m.id,
                        "address": m.address,
                        "root": str(m.root),
                        "processes": [s.pid for s in m.services if s.poll() is None],
                    }
                    for m in self.region.machines.values()
                    if m.running
                ]
            case "POST", ["instances", instance_id, "kill"]:
                self.region.machines[instance_id].kill()
                return {"killed": instance_id}
        raise LookupError(f"the local cloud has no {method} /localcloud/{'/'.join(path)}")

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "localcloud",
            "AWS_SECRET_ACCESS_KEY": "localcloud",
            "AWS_DEFAULT_REGION": self.settings.region,
            "AWS_ACCOUNT_ID": ACCOUNT,
            "LOCALCLOUD_CIDR": self.settings.cidr,
            "LOCALCLOUD_SSH_PORT": str(self.ssh.port),
        }


def serve_until_signal(cloud: LocalCloud) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    cloud.stop()


def _app_that_raises(service: Any) -> Any:
    """Flask would turn what moto lacks into an HTML page that no AWS client can read."""
    app = create_backend_app(service)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app
