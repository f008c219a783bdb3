"""
Searches the image for login keys, identities of this machine, and credentials.

Exits with 1 where it finds one. It prints the file's path and kind, never its content.
Standard library and Python 3.6 only.
"""

import fnmatch
import os
import re
import sys
from pathlib import Path

ROOT = Path(os.environ.get("DESTDIR") or "/")
LOOKED_AT = (
    "etc",
    "home",
    "opt",
    "root",
    "srv",
    "tmp",
    "usr/local",
    "usr/share/ovenbird",
    "var/tmp",
    "var/www",
)
LARGEST = 1 << 20
NAMES = {
    "authorized_keys": "whoever has that key may log in",
    "ssh_host_*key*": "a host key, the same on every instance",
    "id_rsa": "a private key",
    "id_dsa": "a private key",
    "id_ecdsa": "a private key",
    "id_ed25519": "a private key",
    ".*_history": "the history of a shell",
    ".git-credentials": "git credentials",
    ".netrc": "credentials",
}
CONTENTS = {
    # The marker and a body: a program that reads keys holds the marker only.
    "a private key": re.compile(
        rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----(?:\\n|\s)+"
        rb"(?:[A-Za-z-]+: [^\n]*\s+)*[A-Za-z0-9+/=\\\n\r]{64}"
    ),
    "an AWS access key": re.compile(rb"\b(?:AKIA|ASIA)(?![0-9A-Z]*EXAMPLE\b)[0-9A-Z]{16}\b"),
    "a GitHub token": re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36}|\bgithub_pat_[A-Za-z0-9_]{60,}"),
    "a GitLab token": re.compile(rb"\bglpat-[A-Za-z0-9_-]{20}"),
    "a Slack token": re.compile(rb"\bxox[abprs]-[A-Za-z0-9-]{20,}"),
}
# Files that distributions ship in every image.
KNOWN = (
    "etc/ssl/private/ssl-cert-snakeoil.key",
    "etc/pki/fwupd*",
    "usr/local/lib/python*",
    "usr/local/go/*",
    "usr/local/aws-cli/*",
    "opt/aws/*",
)
# Examples in the most common libraries. botocore's are documented, and no real keys.
EXAMPLES = (
    "*/botocore/data/*/examples-1.json",
    "*/site-packages/*/tests/*",
    "*/node_modules/*/test/*",
)


def main():
    named = os.environ.get("SCAN_ALLOW", "").split()
    allowed = [
        pattern[1:] if pattern.startswith("/") else "srv/app/" + pattern for pattern in named
    ] + list(KNOWN + EXAMPLES)
    found = (
        [("var/lib/cloud/instances", "the state of this machine's first boot")]
        if (ROOT / "var/lib/cloud/instances").exists()
        else []
    )
    machine_id = ROOT / "etc/machine-id"
    if machine_id.exists() and machine_id.read_bytes().strip():
        found.append(("etc/machine-id", "this machine's id, the same on every instance"))
    for place in LOOKED_AT:
        for directory, _, names in os.walk(str(ROOT / place)):
            for name in names:
                path = Path(directory) / name
                relative = str(path.relative_to(ROOT))
                if (
                    path.is_symlink()
                    or not path.is_file()
                    or any(fnmatch.fnmatch(relative, pattern) for pattern in allowed)
                ):
                    continue
                found += [(relative, what) for what in looks_like(path)]
    for relative, what in found:
        print("/%s must not be in an image: it looks like %s" % (relative, what))
    if found:
        print(
            "take it away in a script of the recipe, "
            "or name it in SCAN_ALLOW of ovenbird.env where it is none"
        )
        return 1
    print("nothing that must not be in an image was found")
    return 0


def looks_like(path):
    kinds = [
        what
        for pattern, what in NAMES.items()
        if fnmatch.fnmatch(path.name, pattern) and path.stat().st_size
    ]
    if kinds or path.stat().st_size > LARGEST:
        return kinds[:1]
    content = path.read_bytes()
    return [what for what, pattern in CONTENTS.items() if pattern.search(content)][:1]


if __name__ == "__main__":
    sys.exit(main())
