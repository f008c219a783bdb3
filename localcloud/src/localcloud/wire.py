"""Which call is this HTTP request, and how is an error written in its service's protocol?"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True)
class Call:
    service: str
    action: str
    protocol: str
    parameters: dict[str, str]
    caller: str = ""


def read(environ: dict[str, Any], body: bytes) -> Call:
    """
    The call that a signed AWS request makes. S3 has no action names: method and path stand in.

    The caller is what every AWS SDK puts into its user agent: the application id
    (AWS_SDK_UA_APP_ID), in older ones AWS_EXECUTION_ENV.
    """
    application = re.search(r"\b(?:app|exec-env)/([^\s/]+)", environ.get("HTTP_USER_AGENT", ""))
    return replace(_read(environ, body), caller=application.group(1) if application else "")


def _read(environ: dict[str, Any], body: bytes) -> Call:
    credential = re.search(
        r"Credential=[^/]+/\d+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", "")
    )
    service = credential.group(1) if credential else "s3"
    target = environ.get("HTTP_X_AMZ_TARGET")
    if target:
        return Call(service, target.rsplit(".", 1)[-1], "json", _flat(json.loads(body or b"{}")))
    if service != "s3" and b"Action=" in body:
        parameters = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        return Call(
            service,
            parameters.get("Action", "?"),
            "ec2" if service == "ec2" else "query",
            parameters,
        )
    return Call(service, f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", "rest-xml", {})


def error(
    call: Call, code: str, message: str, status: int
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Status line, headers and body of an error as botocore expects it from this service."""
    words = f"<Code>{code}</Code><Message>{_escape(message)}</Message>"
    plain = f"<Error>{words}</Error>"
    if call.protocol == "json":
        kind, text = "application/x-amz-json-1.1", json.dumps({"__type": code, "message": message})
    elif call.protocol == "ec2":
        kind = "text/xml"
        text = f"<Response><Errors>{plain}</Errors><RequestID>local</RequestID></Response>"
    elif call.protocol == "query":
        kind = "text/xml"
        text = (
            f"<ErrorResponse><Error><Type>Sender</Type>{words}</Error>"
            "<RequestId>local</RequestId></ErrorResponse>"
        )
    else:
        kind, text = "text/xml", plain
    body = text.encode()
    return f"{status} Error", [("Content-Type", kind), ("Content-Length", str(len(body)))], body


def error_code(body: bytes) -> str:
    """The error code in a reply, whatever its protocol; '' where there is none."""
    found = re.search(rb"<Code>([^<]+)</Code>|\"__type\"\s*:\s*\"([^\"]+)\"", body[:4000])
    return (found.group(1) or found.group(2)).decode().rsplit("#", 1)[-1] if found else ""


def _flat(value: dict[str, Any]) -> dict[str, str]:
    return {key: item if isinstance(item, str) else json.dumps(item) for key, item in value.items()}


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
