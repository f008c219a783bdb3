"""
Writes the image's manifest as JSON: {"packages": {name: version}, "files": {path: SHA-256}}.

The files are the application's and the recipe's.

    python3 manifest.py TARGET

Standard library and Python 3.6 only.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ.get("DESTDIR") or "/")


def main():
    target = Path(sys.argv[1])
    copied = Path(os.environ["RECIPE"]) / "files"
    paths = [path for path in (ROOT / "srv/app").rglob("*")]
    paths += [ROOT / path.relative_to(copied) for path in copied.rglob("*")]
    files = {
        "/" + str(path.relative_to(ROOT)): digest(path)
        for path in sorted(paths)
        if path.is_file() and not path.is_symlink()
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        json.dumps({"packages": packages(), "files": files}, indent=1, sort_keys=True)
    )
    target.chmod(0o644)
    print("%d files, %d packages" % (len(files), len(packages())))


def packages():
    found = {}
    for database, command in (
        (
            "var/lib/dpkg/status",
            [
                "dpkg-query",
                "--admindir",
                str(ROOT / "var/lib/dpkg"),
                "-W",
                "-f",
                "${Package} ${Version}\n",
            ],
        ),
        (
            "var/lib/rpm",
            ["rpm", "--root", str(ROOT), "-qa", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\n"],
        ),
        (
            "usr/lib/sysimage/rpm",
            ["rpm", "--root", str(ROOT), "-qa", "--qf", "%{NAME} %{VERSION}-%{RELEASE}\n"],
        ),
    ):
        if (ROOT / database).exists():
            listed = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.decode()
            found.update(line.split(" ", 1) for line in listed.splitlines() if " " in line)
    return found


def digest(path):
    total = hashlib.sha256()
    with path.open("rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            total.update(part)
    return total.hexdigest()


if __name__ == "__main__":
    main()
