"""
Runs on the builder: one provisioner of the recipe, its whole output sent to S3 while it runs.

    python3 agent.py PHASE [LOG_URL [MANIFEST_URL]]

Short-lived addresses to PUT the log and the image's manifest to; Packer keeps both itself. Standard library and Python 3.6 only: it runs on whatever the base image has.
"""

import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

UPLOAD_EVERY = 1.0


def put(url, data):
    # Else it would be sent as a form, and an address that was signed without a type accepts any.
    kind = {"Content-Type": "application/octet-stream"}
    urllib.request.urlopen(
        urllib.request.Request(url, data=data, method="PUT", headers=kind), timeout=20
    ).close()


class Log:
    """What was printed so far; sent anew, whole, whenever it has grown: an S3 object cannot be appended to."""

    def __init__(self, url):
        self.url = url
        self.text = b""
        self.sent = -1
        self.ended = threading.Event()

    def add(self, line):
        self.text += line
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    def send(self):
        text = self.text
        if not self.url or len(text) == self.sent:
            return
        try:
            put(self.url, text)
            self.sent = len(text)
        except OSError as error:
            sys.stderr.write("the log could not be sent: %s\n" % error)

    def send_while_it_grows(self):
        while not self.ended.wait(UPLOAD_EVERY):
            self.send()


def main():
    provisioner, url, manifest_url = (sys.argv[1:] + ["", ""])[:3]
    recipe = Path(__file__).resolve().parent
    log = Log(url)
    threading.Thread(target=log.send_while_it_grows, daemon=True).start()
    code = 0
    for script in sorted((recipe / "provision" / provisioner).glob("*.sh")):
        log.add(("== %s\n" % script.name).encode())
        running = subprocess.Popen(
            ["sh", "-eu", str(script)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, RECIPE=str(recipe)),
        )
        for line in running.stdout:
            log.add(line)
        code = running.wait()
        if code:
            log.add(("== %s failed with exit code %d\n" % (script.name, code)).encode())
            break
    manifest = Path(os.environ.get("DESTDIR", "") + "/usr/share/ovenbird/manifest.json")
    if manifest_url and not code and manifest.exists():
        try:
            put(manifest_url, manifest.read_bytes())
        except OSError as error:
            log.add(("the manifest could not be sent: %s\n" % error).encode())
            code = 1
    log.ended.set()
    log.send()
    sys.exit(code)


if __name__ == "__main__":
    main()
