"""An example application in its own git repository, with one tag for each version."""

from __future__ import annotations

import subprocess
from pathlib import Path

APP = '''"""Says which version it is. Serves HTTP on $HOST:$PORT, as ovenbird.env promises."""
import http.server
import json
import os
import pathlib
import random
import signal
import socket
import sys
import threading
import time

HERE = pathlib.Path(__file__).parent
VERSION = (HERE / "VERSION").read_text().strip()
# The share of requests that a version answers with an error, however healthy it is.
ERRORS = float((HERE / "ERRORS").read_text()) if (HERE / "ERRORS").exists() else 0.0
# The share of requests whose connection it closes without an answer.
CUTS = float((HERE / "CUTS").read_text()) if (HERE / "CUTS").exists() else 0.0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: else the body waits 40 ms for the acknowledgement of the head.
    wbufsize = -1

    def do_GET(self):
        if "pause=" in self.path:
            time.sleep(float(self.path.rpartition("pause=")[2]))
        if self.path != "/health" and random.random() < CUTS:
            self.close_connection = True
            return
        healthy = "OVENBIRD_BUILDER" in os.environ or not (HERE / "SICK").exists()
        status = 200 if self.path != "/health" or healthy else 503
        if self.path != "/health" and random.random() < ERRORS:
            status = 500
        instance = os.environ.get("LOCALCLOUD_INSTANCE", "")
        body = json.dumps({"version": VERSION, "instance": instance}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Version", VERSION)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


server = Server((os.environ["HOST"], int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
'''
ENV = """# How Ovenbird builds and starts this application.
BUILD="date -u +%Y >BUILT"
START="python3 app.py"
PORT=8080
HEALTH=/health
"""


class Repository:
    """A git repository in a directory. It is made where it does not exist."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        if not (directory / ".git").exists():
            directory.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--initial-branch=main")
            (directory / "app.py").write_text(APP)
            (directory / "ovenbird.env").write_text(ENV)

    @property
    def url(self) -> str:
        return f"file://{self.directory}"

    def release(self, tag: str, *, annotated: bool = True, **files: str) -> str:
        """
        Commits a version and tags it. Returns the commit.

        `files` are contents by file name; `__` stands for the dot in a name.
        """
        (self.directory / "VERSION").write_text(tag + "\n")
        for name, content in files.items():
            (self.directory / name.replace("__", ".")).write_text(content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--allow-empty", "--message", f"Release {tag}")
        self._git(*(["tag", "--annotate", "--message", tag] if annotated else ["tag"]), "--", tag)
        for name in files:
            if not name.startswith("ovenbird"):
                (self.directory / name.replace("__", ".")).unlink()
        return self._git("rev-parse", "HEAD").strip()

    def move(self, tag: str, **files: str) -> None:
        """Moves the tag to a new commit. Nobody should do that."""
        for name, content in files.items():
            (self.directory / name).write_text(content)
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message", f"Move {tag}")
        self._git("tag", "--force", "--annotate", "--message", "moved", "--", tag)

    def _git(self, *arguments: str) -> str:
        identity = [
            "-c",
            "user.name=Ovenbird",
            "-c",
            "user.email=ovenbird@example.invalid",
            "-c",
            "tag.gpgsign=false",
        ]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout
