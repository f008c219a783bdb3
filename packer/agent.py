"""
Runs on the builder: one provisioner of the recipe. Its output is sent to S3 while it runs.

    python3 agent.py PROVISIONER [LOG_URL [MANIFEST_URL]]

The URLs are presigned, for a PUT of the log and of the image's manifest. With Packer there are
none: the worker stores both. Standard library and Python 3.6 only, as in the oldest base images.
"""

import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

UPLOAD_EVERY = 1.0


def put(url, data):
    # urllib would send a form. A URL that was presigned without a type accepts any type.
    kind = {"Content-Type": "application/octet-stream"}
    urllib.request.urlopen(
        urllib.request.Request(url, data=data, method="PUT", headers=kind), timeout=20
    ).close()


class Log:
    """The output so far. It is sent as a whole when it grows: S3 objects cannot be appended to."""

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
    sender = threading.Thread(target=log.send_while_it_grows, daemon=True)
    sender.start()
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
    # What it is sending is older: arriving last, it would replace the end of the log.
    sender.join()
    log.send()
    sys.exit(code)


if __name__ == "__main__":
    main()
