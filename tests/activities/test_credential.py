"""A GitHub App as the credential: a signed request, a token for an hour, clear refusals."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

TOOL = Path(__file__).parents[2] / "packer/tools/credential.py"


class GitHub:
    """Gives a token to whoever signs with the App's key, or answers with `status`."""

    def __init__(self) -> None:
        self.key, self.status, self.claims = (
            rsa.generate_private_key(65537, 2048),
            201,
            dict[str, int | str](),
        )
        github = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                head, body, signature = (
                    self.headers["Authorization"].removeprefix("Bearer ").split(".")
                )
                github.key.public_key().verify(
                    _decoded(signature),
                    f"{head}.{body}".encode(),
                    padding.PKCS1v15(),
                    hashes.SHA256(),
                )
                github.claims = json.loads(_decoded(body)) | {"path": self.path}
                answer = json.dumps({"token": "ghs_for_an_hour"}).encode()
                self.send_response(github.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *words: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ask(self, **changed: object) -> subprocess.CompletedProcess[str]:
        """As the worker does."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        app = {
            "app_id": 17,
            "installation_id": 4,
            "private_key": pem.decode(),
            "api": f"http://127.0.0.1:{self.server.server_port}",
        }
        return subprocess.run(
            [sys.executable, str(TOOL), "token"],
            input=json.dumps(app | changed),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


@pytest.fixture(scope="module")
def github() -> Iterator[GitHub]:
    served = GitHub()
    yield served
    served.server.shutdown()
    served.server.server_close()


def test_an_app_gets_a_token_for_its_installation(github: GitHub) -> None:
    done = github.ask()

    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "ghs_for_an_hour", "")
    assert (github.claims["iss"], github.claims["path"]) == (
        "17",
        "/app/installations/4/access_tokens",
    )
    assert int(github.claims["iat"]) <= time.time() < int(github.claims["exp"]) <= time.time() + 600


@pytest.mark.parametrize(("status", "code"), [(404, 1), (401, 1), (429, 75), (503, 75)])
def test_what_github_refuses_is_final_and_what_may_pass_is_asked_again(
    github: GitHub, status: int, code: int
) -> None:
    github.status = status
    done = github.ask()
    github.status = 201

    assert (done.returncode, done.stdout) == (code, "")
    assert f"GitHub says HTTP Error {status}" in done.stderr


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"private_key": "none"}, "openssl does not take"),
        ({"api": "http://127.0.0.1:9"}, "refused"),
    ],
)
def test_a_key_or_an_address_that_is_wrong_is_said_and_never_shown(
    github: GitHub, changed: dict[str, object], words: str
) -> None:
    done = github.ask(**changed)

    assert done.returncode != 0
    assert words in done.stderr
    assert "PRIVATE" not in done.stderr
