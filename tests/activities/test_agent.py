"""The program on the builder that runs the recipe, and sends its log to S3."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from demo.processes import ROOT

SCRIPT = "echo begun; sleep 1.2; echo ended; exit 3\n"


def test_the_end_of_a_log_is_not_replaced_by_what_was_sent_before(tmp_path: Path) -> None:
    """A slow connection delivers the log's beginning only after the program could send its end."""
    recipe = tmp_path / "recipe"
    (recipe / "provision/code").mkdir(parents=True)
    (recipe / "provision/code/10-fails.sh").write_text(SCRIPT)
    shutil.copy(ROOT / "packer/agent.py", recipe)
    stored: list[bytes] = []
    over = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if b"ended" not in body:
                over.wait(1)
            stored.append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/log"
        command = [sys.executable, str(recipe / "agent.py"), "code", url]
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
        over.set()
        server.shutdown()

    assert done.returncode == 3
    assert len(stored) >= 2
    assert stored[-1].endswith(b"ended\n== 10-fails.sh failed with exit code 3\n")
