"""
Before the service starts: its stack's environment, because one image serves every stack.

The launch template's user data says where it lies ("# ovenbird-environment: {...}"): SSM parameters below a path, fetched with the
instance's own role, and plain values. Written to /run/ovenbird/stack.env, for root alone.
"""

import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import on_aws

MARK = "# ovenbird-environment: "
TARGET = Path((os.environ.get("DESTDIR") or "") + "/run/ovenbird/stack.env")


def main():
    lines = [
        line for line in on_aws.metadata("user-data", "").splitlines() if line.startswith(MARK)
    ]
    wanted = json.loads(lines[0][len(MARK) :]) if lines else {}
    values = dict(wanted.get("values", {}))
    if wanted.get("parameters"):
        values.update(on_aws.parameters(wanted["parameters"]))
    for name in values:
        # systemd would log an assignment that it does not understand, its value and all.
        if not re.match(r"^[A-Za-z_][A-Za-z0-9_]*$", name):
            raise LookupError(
                "the parameter %s%s cannot be a variable: letters, digits and _ only"
                % (wanted.get("parameters") or "", "/" + name)
            )
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(str(TARGET), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines("%s=%s\n" % (name, quoted(value)) for name, value in sorted(values.items()))


def quoted(value):
    """As systemd reads it back: https://www.freedesktop.org/software/systemd/man/systemd.exec.html#EnvironmentFile=."""
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"').replace("`", "\\`").replace(
        "$", "\\$"
    )


if __name__ == "__main__":
    try:
        main()
    except (LookupError, OSError) as error:
        if TARGET.exists():
            print(
                "the environment of this stack cannot be read: %s; it starts with what it was"
                % error
            )
        else:
            sys.exit("the environment of this stack cannot be read: %s" % error)
