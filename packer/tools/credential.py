"""
The credential of the application's repository. It is passed by pipes only.

    python3 credential.py kind     prints "key" for a deploy key, "token" for anything else
    python3 credential.py show     prints the key, or the token; for a GitHub App an issued token
    python3 credential.py token    issues a token for the GitHub App in the standard input, which
                                   the worker has read itself

OVENBIRD_CREDENTIAL is {"parameter": NAME} (SSM) or {"secret": NAME} (Secrets Manager), read with
the instance's role. The value is a private SSH key; a token; or, of a GitHub App,
{"app_id": …, "installation_id": …, "private_key": …}, with "api" for a GitHub of your own.
Standard library and Python 3.6 only.
"""

import base64
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "files/usr/lib/ovenbird"))
import on_aws

# sysexits.h: a temporary failure.
TRY_AGAIN = 75


def main():
    if sys.argv[1] == "token":
        print(of_app(json.loads(sys.stdin.read())))
        return
    where = json.loads(os.environ["OVENBIRD_CREDENTIAL"])
    found = (
        on_aws.parameter(where["parameter"])
        if where.get("parameter")
        else on_aws.secret(where["secret"])
    )
    if "PRIVATE KEY-----" in found and not found.lstrip().startswith("{"):
        kind, shown = "key", found.strip() + "\n"
    else:
        kind, shown = "token", found.strip()
    if sys.argv[1] == "kind":
        print(kind)
        return
    sys.stdout.write(of_app(json.loads(shown)) if shown.startswith("{") else shown)


def of_app(app):
    """https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app."""
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 540, "iss": str(app["app_id"])}
    text = b".".join(
        encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)
    )
    bearer = text + b"." + encoded(signature(text, app["private_key"]))
    address = "%s/app/installations/%s/access_tokens" % (
        app.get("api", "https://api.github.com"),
        app["installation_id"],
    )
    headers = {
        "Authorization": "Bearer " + bearer.decode(),
        "Accept": "application/vnd.github+json",
        "User-Agent": "ovenbird",
    }
    ask = urllib.request.Request(address, data=b"", method="POST", headers=headers)
    return json.loads(urllib.request.urlopen(ask, timeout=20).read().decode())["token"]


def signature(text, key):
    """By openssl, which reads the key from a pipe, so that no file holds it."""
    reading, writing = os.pipe()

    def write():
        with os.fdopen(writing, "w") as pipe:
            pipe.write(key)

    threading.Thread(target=write).start()
    try:
        signing = ["openssl", "dgst", "-sha256", "-sign", "/dev/fd/%d" % reading]
        return subprocess.run(
            signing, input=text, stdout=subprocess.PIPE, check=True, pass_fds=[reading]
        ).stdout
    finally:
        os.close(reading)


def encoded(part):
    return base64.urlsafe_b64encode(part).rstrip(b"=")


if __name__ == "__main__":
    try:
        main()
    except urllib.error.HTTPError as error:
        print(
            "the credential for the repository cannot be had: GitHub says %s" % error,
            file=sys.stderr,
        )
        sys.exit(TRY_AGAIN if error.code >= 500 or error.code == 429 else 1)
    except OSError as error:
        print("the credential for the repository cannot be had: %s" % error, file=sys.stderr)
        sys.exit(TRY_AGAIN)
    except subprocess.CalledProcessError:
        sys.exit(
            "the credential for the repository cannot be had: "
            "openssl does not take the App's private_key"
        )
    except (LookupError, ValueError) as error:
        sys.exit("the credential for the repository cannot be had: %s" % error)
