"""What a release or rollback knows before it makes anything. It does not change afterwards."""

from __future__ import annotations

from domain import names
from domain.answering import Wiring
from domain.config import Stack
from domain.models import Deployment, Model, TargetGroup, Version
from domain.traffic import Routing


class Admitted(Model):
    """What was checked before anything was made. `routing`: where the strategy is weighted."""

    stack: Stack
    version: Version
    requested_by: str
    target_groups: tuple[TargetGroup, ...]
    deployments: tuple[Deployment, ...]
    blue: Deployment | None
    routing: Routing | None = None
    urgent: bool = False
    contraction: bool = False

    @property
    def target_group_arns(self) -> tuple[str, ...]:
        return tuple(group.arn for group in self.target_groups)

    @property
    def blue_arns(self) -> tuple[str, ...]:
        """Blue's own target groups: the stack may name further ones by now."""
        if not self.blue:
            return ()
        return tuple(arn for arn in self.target_group_arns if arn in self.blue.group.target_groups)


class Facts(Admitted):
    """
    Of a release or rollback, fixed from its start.

    `owner` is the run that owns what it makes. `green` is the name of the new deployment; `woken`
    is that deployment where it was parked before. `green_min` is its minimum once it serves alone.
    """

    owner: str
    green: str
    green_min: int
    approval: bool
    waits_for_windows: bool
    woken: Deployment | None = None

    @property
    def region(self) -> str:
        return self.stack.region

    @property
    def green_arns(self) -> tuple[str, ...]:
        """The target groups that green joins."""
        return (self.routing.idle,) if self.routing else self.target_group_arns

    def arns_of(self, deployment: str) -> tuple[str, ...]:
        return self.green_arns if deployment == self.green else self.blue_arns

    @property
    def green_target_group(self) -> TargetGroup:
        """The first one that green joins: its scaling policies and metrics belong to that one."""
        return next(group for group in self.target_groups if group.arn == self.green_arns[0])

    @property
    def wiring(self) -> Wiring:
        if not self.routing:
            return Wiring(target_groups=self.target_groups)
        return Wiring(
            target_groups=self.target_groups,
            weighted=True,
            preview=tuple(rule.arn for rule in self.routing.preview),
            known=tuple(rule.arn for rule in self.routing.rules),
        )

    @property
    def compared_with(self) -> TargetGroup | None:
        """Blue's target group, where its metrics are blue's alone."""
        if not self.routing:
            return None
        return next(group for group in self.target_groups if group.arn == self.routing.live)

    @property
    def tags(self) -> dict[str, str]:
        ours = {
            names.STACK: self.stack.name,
            names.APPLICATION: self.stack.application.name,
            names.TAG: names.tag_value(self.version.tag),
            names.COMMIT: self.version.commit,
            names.RELEASE: self.owner,
            names.DEPLOYMENT: self.green,
            names.RECIPE: self.version.recipe,
            names.BASE_IMAGE: self.version.base_image,
            "Name": self.green,
        }
        contraction = {names.CONTRACTION: "true"} if self.contraction else {}
        return self.stack.tags | ours | contraction

    @property
    def about(self) -> dict[str, str]:
        """For the status."""
        return {
            "stack": self.stack.name,
            "tag": self.version.tag,
            "commit": self.version.commit,
            "requested_by": self.requested_by,
        }
