"""A person runs the commands that a message shows, against the account in memory."""

from __future__ import annotations

import json
import shlex
from datetime import UTC, datetime
from typing import Any

from domain import names
from tests.workflows.account import Account

NOW = "$(date -u +%FT%TZ)"


def commands(words: str, choice: str) -> list[list[str]]:
    """Those for one choice, such as "To keep v2", in their order; as a shell would split them."""
    now = datetime.now(UTC).strftime("%FT%TZ")
    told = words.split(f"{choice}: ")[1].split(", then sweep", maxsplit=1)[0].replace(NOW, now)
    return [shlex.split("aws " + part.split("; ")[0]) for part in told.split("aws ")[1:]]


def carry_out(account: Account, command: list[str]) -> None:
    _, _, operation, *options = command
    match operation:
        case "create-or-update-tags":
            for tag in options[1:]:
                values = dict(pair.split("=", 1) for pair in tag.split(","))
                account.groups[values["ResourceId"]].tags[values["Key"]] = values["Value"]
        case "attach-load-balancer-target-groups":
            account.groups[options[1]].target_groups += options[3:]
        case "detach-load-balancer-target-groups":
            account.detach(account.groups[options[1]], tuple(options[3:]))
        case "attach-load-balancers":
            account.groups[options[1]].target_groups += map(names.classic, options[3:])
        case "detach-load-balancers":
            account.detach(account.groups[options[1]], tuple(map(names.classic, options[3:])))
        case "modify-rule":
            _forward(account, options[1], json.loads(options[3]))
        case _:
            raise AssertionError(f"no such command: {command}")


def _forward(account: Account, rule: str, actions: list[Any]) -> None:
    groups = actions[0]["ForwardConfig"]["TargetGroups"]
    weights = {group["TargetGroupArn"]: group["Weight"] for group in groups}
    account.rules[rule] = account.rules[rule].model_copy(update={"weights": weights})
