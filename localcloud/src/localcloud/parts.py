"""All parts of a region, and the order in which their patches go around moto."""

from __future__ import annotations

from localcloud.alarms import Alarms
from localcloud.balancer import Balancer
from localcloud.classic import Classic
from localcloud.commands import Commands
from localcloud.consistency import Consistency
from localcloud.group_rules import GroupRules
from localcloud.groups import Groups
from localcloud.image_attributes import ImageAttributes
from localcloud.images import Images
from localcloud.instances import Instances
from localcloud.launch_configurations import LaunchConfigurations
from localcloud.launch_templates import LaunchTemplates
from localcloud.lifecycle import Lifecycle
from localcloud.limits import Limits, Refreshes
from localcloud.members import Members
from localcloud.metrics import Metrics
from localcloud.patches import Patch, declared, install, require_known
from localcloud.policies import Policies
from localcloud.region import Region
from localcloud.security_groups import SecurityGroups
from localcloud.speed import Speed
from localcloud.ssh import Ssh
from localcloud.targets import Targets

# A later part is called first, and sees what the earlier ones answer.
ORDER: tuple[type, ...] = (
    Speed,
    Instances,
    Images,
    ImageAttributes,
    LaunchTemplates,
    LaunchConfigurations,
    SecurityGroups,
    GroupRules,
    Policies,
    Commands,
    Consistency,
    Lifecycle,
    Limits,
    Refreshes,
    Targets,
    Groups,
    Members,
    Balancer,
    Classic,
    Metrics,
)


def all_patches() -> list[Patch]:
    return [patch for part in ORDER for patch in declared(part)]


class Parts:
    """Raises UpstreamChangedError, before anything is patched, when moto is not as expected."""

    def __init__(self, region: Region, ssh: Ssh) -> None:
        require_known(all_patches())
        made: list[object] = [
            Speed(),
            Instances(region, ssh),
            Images(region),
            ImageAttributes(),
            LaunchTemplates(),
            LaunchConfigurations(),
            SecurityGroups(),
            GroupRules(),
            Policies(),
            Commands(region),
            Consistency(region),
            Lifecycle(region),
            Limits(),
            Refreshes(),
        ]
        self.targets = Targets(region)
        groups = Groups(region, self.targets)
        self.balancer = Balancer(region, self.targets)
        metrics = Metrics(self.balancer.envoy.access_log)
        Alarms(region, metrics)
        members = Members(region, self.targets, groups)
        made += [self.targets, groups, members, self.balancer, self.balancer.classic, metrics]
        by_type = {type(part): part for part in made}
        for kind in ORDER:
            install(by_type[kind])
