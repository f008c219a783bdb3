"""
The smoke test: polls the service's health path until it answers with 2xx or 3xx.

    python3 smoke_test.py            starts the service as root (its unit does not), and ends it
    python3 smoke_test.py running    polls the service that its unit has started

OVENBIRD_BUILDER is set in the environment of a service that this program starts.
Standard library and Python 3.6 only.
"""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TIMEOUT = float(os.environ.get("TRY_SECONDS", "60"))
SHOWN = 20


class Here(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer. It is not followed."""

    def redirect_request(self, *words):
        return None


OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), Here)


def main():
    host = os.environ.get("HOST", "127.0.0.1")
    address = "http://%s:%s%s" % (host, os.environ["PORT"], os.environ["HEALTH"])
    if sys.argv[1:] == ["running"]:
        answer = ask(address, None)
        print(
            "its unit does not serve: %s" % answer
            if answer
            else "%s answers" % os.environ["HEALTH"]
        )
        return 1 if answer else 0
    secret = ("OVENBIRD_CREDENTIAL", "GIT_", "SSH_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(secret)}
    environment.update(HOST=host, OVENBIRD_BUILDER="1")
    with tempfile.TemporaryFile() as output:
        service = subprocess.Popen(
            ["/bin/sh", "-c", "exec " + os.environ["START"]],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            answer = ask(address, service)
        finally:
            end(service)
        if answer == "":
            print("%s answers" % os.environ["HEALTH"])
            return 0
        output.seek(0)
        lines = output.read().decode(errors="replace").splitlines()[-SHOWN:]
    print(
        "%s was started, and is not fit to serve: %s; it printed:" % (os.environ["START"], answer)
    )
    print("\n".join("  " + line for line in lines))
    return 1


def ask(address, service):
    """Polls until the service is healthy. Returns why it is not, else an empty string."""
    answer = "nothing answers"
    deadline = time.time() + TIMEOUT
    pause = 0.02
    while time.time() < deadline:
        if service is not None and service.poll() is not None:
            return "it ended with exit code %d" % service.returncode
        try:
            with OPENER.open(address, timeout=5):
                return ""
        except urllib.error.HTTPError as error:
            if error.code < 400:
                return ""
            answer = "%s answers %d" % (address, error.code)
        except (OSError, http.client.HTTPException) as error:
            answer = "%s: %s" % (address, error)
        time.sleep(pause)
        pause = min(1, pause * 1.5)
    return "after %d s, %s" % (TIMEOUT, answer)


def end(service):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(service.pid, number)
            service.wait(10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


if __name__ == "__main__":
    sys.exit(main())
