"""The region's front door: the AWS API with a record, faults and one lock; and its control API."""

from __future__ import annotations

import io
import signal
import threading
import traceback
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_plus

from werkzeug.serving import WSGIRequestHandler, make_server

from localcloud import call_limits, control, metadata, wire
from localcloud.control import Control
from localcloud.envoy import require_platform
from localcloud.faults import API_KINDS
from localcloud.lease import take_lease
from localcloud.parts import Parts
from localcloud.recording import Headers, Record, Request, Start
from localcloud.region import Region
from localcloud.settings import ACCOUNT, Settings
from localcloud.ssh import Ssh
from localcloud.upstream import DomainDispatcherApplication, backend, create_backend_app


class _Handler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (werkzeug's own name)
        """The request record says more than an access log would."""


class LocalCloud:
    """One cloud in this process. There can be only one: moto's state is the process's."""

    def __init__(self, make_settings: Callable[[int], Settings]) -> None:
        require_platform()
        lease = take_lease()
        self.settings = make_settings(lease.network)
        self._region = Region(self.settings, lease)
        self._ssh = Ssh(self._region)
        parts = Parts(self._region, self._ssh)
        self._targets, self._balancer = parts.targets, parts.balancer
        self._record = Record()
        self._control = Control(self._region, self._targets, self._record, self.environment)
        self._moto = DomainDispatcherApplication(_app_that_raises)
        self._server = make_server(
            "127.0.0.1", self.settings.port, self, threaded=True, request_handler=_Handler
        )
        self._region.endpoint = self.endpoint

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "localcloud",
            "AWS_SECRET_ACCESS_KEY": "localcloud",
            "AWS_DEFAULT_REGION": self.settings.region,
            "AWS_ACCOUNT_ID": ACCOUNT,
            "LOCALCLOUD_CIDR": self.settings.cidr,
            "LOCALCLOUD_SSH_PORT": str(self._ssh.port),
        }

    def start(self) -> None:
        # The first use of EC2 loads its tables: a second that no caller should wait.
        backend("ec2", self.settings.region)
        self._balancer.start()
        self._targets.start()
        self._region.start()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._region.stop()
        self._balancer.stop()
        self._region.lease.release()

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        body = _read_body(environ)
        if environ["PATH_INFO"].startswith(metadata.PREFIX):
            return metadata.answer(self._region, environ, start)
        if environ["PATH_INFO"].startswith(control.PREFIX):
            return self._control.answer(environ, body, start)
        call = wire.read(environ, body)
        request = Request(environ, call, start)
        self._record.add(request)
        fault = self._region.faults.take(
            API_KINDS,
            call.action,
            service=call.service,
            caller=call.caller,
            body=unquote_plus(body.decode("latin1")),
        )
        if fault and (reply := request.meet_before(fault)) is not None:
            return reply
        answer = self._ask_moto(environ, call)
        if call.service == "elasticloadbalancing" and not call.action.startswith("Describe"):
            self._balancer.look_again()
        return request.finish(*answer, fault)

    def _ask_moto(self, environ: dict[str, Any], call: wire.Call) -> tuple[str, Headers, bytes]:
        code, words = call_limits.refusal(call)
        if code:
            return wire.error(call, code, words, 400)
        reply: dict[str, Any] = {}

        def start(status: str, headers: Headers, _error: Any = None) -> None:
            reply.update(status=status, headers=headers)

        try:
            with self._region.lock:
                body = b"".join(self._moto(environ, start))
        except NotImplementedError as error:
            message = f"the local cloud does not model this: {call.action}: {error}"
            return wire.error(call, "NotImplemented", message, 400)
        except Exception as error:  # noqa: BLE001 (whatever breaks in moto is an answer of the API)
            traceback.print_exc()
            return wire.error(call, "InternalFailure", f"{type(error).__name__}: {error}", 500)
        return reply["status"], reply["headers"], body


def serve_until_signal(cloud: LocalCloud) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    stop.wait()
    cloud.stop()


def _read_body(environ: dict[str, Any]) -> bytes:
    """The whole of it; what reads it after this finds it again."""
    length = environ.get("CONTENT_LENGTH")
    chunked = environ.get("wsgi.input_terminated") and not length
    body: bytes = environ["wsgi.input"].read(-1 if chunked else int(length or 0))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    return body


def _app_that_raises(service: Any) -> Any:
    """Flask would turn what moto lacks into an HTML page that no AWS client can read."""
    app = create_backend_app(service)
    app.config["PROPAGATE_EXCEPTIONS"] = True
    return app
