"""The ids of what Terraform would make first, and the stacks file that names them."""

from __future__ import annotations

import json
from dataclasses import dataclass

# The local cloud boots in a second: the waits are as short as that.
QUICK_TIMEOUTS = """first_poll = 0.3
poll = 0.5
confirm = 0.2
healthy = 60
approval = 600
soak = 1
drain = 60"""
STACK = """
[stacks.{name}]
region = "{region}"
{top}

[stacks.{name}.application]
name = "{application}"
repository = "{repository}"

[stacks.{name}.network]
vpc = "{vpc}"
subnets = {subnets}

[stacks.{name}.instance]
type = "t3.micro"
security_groups = ["{security_group}"]

[stacks.{name}.bake]
base_image.id = "{base_image}"
artifacts_bucket = "{bucket}"
{bake}

[stacks.{name}.capacity]
{capacity}

[stacks.{name}.load_balancer]
health_check_grace = 60
{load_balancer}

[stacks.{name}.timeouts]
{timeouts}
{more}
"""
# Tables (and keys of them) that STACK has a place for.
PLACED = ("top", "capacity", "application", "bake", "load_balancer")


@dataclass(frozen=True)
class Infrastructure:
    """The ids that a stacks file names, and the address that visitors know."""

    region: str
    vpc: str
    subnets: tuple[str, ...]
    security_group: str
    base_image: str
    bucket: str
    target_group: str
    target_group_arn: str
    address: str
    # Only with the strategy weighted: the second target group, and the rule of the preview.
    other_target_group: str = ""
    other_target_group_arn: str = ""
    listener: str = ""
    preview: str = ""
    # Only behind a classic load balancer: its name. There is no target group then.
    classic: str = ""

    @property
    def target_groups(self) -> tuple[str, ...]:
        return (
            (self.target_group, self.other_target_group)
            if self.other_target_group
            else (self.target_group,)
        )

    @property
    def wiring(self) -> str:
        """Lines of a stack's [load_balancer] table: target groups, strategy, preview."""
        if self.classic:
            return f'strategy = "classic"\nbalancers = ["{self.classic}"]\n'
        weighted = f'strategy = "weighted"\npreview = ["{self.preview}"]\n' if self.preview else ""
        return f"target_groups = {json.dumps(self.target_groups)}\n{weighted}"

    def stack(self, name: str, repository: str, **settings: str) -> str:
        """One stack of the file. `settings` are more TOML lines by table ("top": no table)."""
        timeouts = settings.pop("timeouts", QUICK_TIMEOUTS)
        if "consistency_grace" not in timeouts:
            timeouts += "\nconsistency_grace = 2"
        return STACK.format(
            name=name,
            repository=repository,
            region=self.region,
            vpc=self.vpc,
            subnets=list(self.subnets),
            security_group=self.security_group,
            base_image=self.base_image,
            bucket=self.bucket,
            top=settings.get("top", ""),
            application=settings.get("application", "shop"),
            bake=settings.get("bake", ""),
            capacity=settings.get("capacity", "min = 2\nmax = 8"),
            load_balancer=self.wiring + settings.get("load_balancer", ""),
            timeouts=timeouts,
            more="\n".join(
                f"[stacks.{name}.{table}]\n{lines}"
                for table, lines in settings.items()
                if table not in PLACED
            ),
        )


def built_with(builder: str, environment: dict[str, str]) -> str:
    """Lines of a stack's [bake] table: the builder, and the port of SSH for Packer."""
    port = environment["LOCALCLOUD_SSH_PORT"]
    return f'builder = "{builder}"\npacker.variables.ssh_port = "{port}"\n'
