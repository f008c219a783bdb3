"""
Writes the stack's environment before the service starts: every stack uses the same image.

The user data of the launch template ("# ovenbird-environment: {...}") holds plain values and a path
of SSM parameters, which the instance reads with its own role. The result is
/run/ovenbird/stack.env, which only root can read.
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
        # systemd would log an invalid assignment with its value.
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
    """https://www.freedesktop.org/software/systemd/man/systemd.exec.html#EnvironmentFile="""
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
