"""How each step of a release is undone: as data, and in words for a person."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from domain import by_hand, names
from domain.models import Model
from domain.traffic import Rule

RESUME = "aws autoscaling resume-processes --scaling-processes AZRebalance"
RESIZE = "aws autoscaling update-auto-scaling-group"


class Undo(Model):
    """
    One compensation, registered before the action that it undoes.

    When a `vital` one fails, only green serves: the compensations that would remove green are then
    left undone.
    """

    vital: ClassVar[bool] = False

    @property
    def what(self) -> str:
        """The action, as an imperative sentence."""
        raise NotImplementedError

    @property
    def by_hand(self) -> str:
        """The commands with which a person does the same."""
        raise NotImplementedError


class UndoBake(Undo):
    """Leave the bake: it ends when nobody else waits for it."""

    action: Literal["leave bake"] = "leave bake"
    workflow_id: str

    @property
    def what(self) -> str:
        return "leave the bake"

    @property
    def by_hand(self) -> str:
        return f"temporal workflow cancel --workflow-id {self.workflow_id}"


class UndoTemplate(Undo):
    action: Literal["delete template"] = "delete template"
    name: str
    configuration: bool

    @property
    def kind(self) -> Literal["launch template", "launch configuration"]:
        return "launch configuration" if self.configuration else "launch template"

    @property
    def what(self) -> str:
        return f"delete the {self.kind} {self.name}"

    @property
    def by_hand(self) -> str:
        if self.configuration:
            delete = "aws autoscaling delete-launch-configuration --launch-configuration-name"
        else:
            delete = "aws ec2 delete-launch-template --launch-template-name"
        return f"{delete} {self.name}"


class UndoGroup(Undo):
    """`target_groups` are those that it joins, or was to join."""

    action: Literal["remove group"] = "remove group"
    name: str
    target_groups: tuple[str, ...] = ()

    @property
    def what(self) -> str:
        return f"remove {self.name}"

    @property
    def by_hand(self) -> str:
        group = f"--auto-scaling-group-name {self.name}"
        leave = names.membership_by_hand("detach", self.name, self.target_groups)
        return (
            f"{leave}{leave and '; '}"
            f"{RESIZE} --min-size 0 --desired-capacity 0 {group}, and once it is empty: "
            f"aws autoscaling delete-auto-scaling-group {group}"
        )


class UndoPin(Undo):
    """`minimum` is None where it was not raised; `resume`: AZRebalance was suspended by us."""

    action: Literal["unpin"] = "unpin"
    name: str
    minimum: int | None
    resume: bool

    @property
    def what(self) -> str:
        changed = [f"the minimum of {self.name}"] if self.minimum is not None else []
        changed += [f"AZRebalance of {self.name}"] if self.resume else []
        return f"restore {' and '.join(changed)}"

    @property
    def by_hand(self) -> str:
        group = f"--auto-scaling-group-name {self.name}"
        commands = []
        if self.minimum is not None:
            commands.append(f"{RESIZE} {group} --min-size {self.minimum}")
        if self.resume:
            commands.append(f"{RESUME} {group}")
        return "; ".join(commands)


class UndoWake(Undo):
    """
    Park the woken deployment again.

    `resume`: AZRebalance was suspended by us. `mixed`: its distribution was changed to on demand.
    """

    action: Literal["park again"] = "park again"
    name: str
    target_groups: tuple[str, ...]
    resume: bool
    mixed: bool

    @property
    def what(self) -> str:
        return f"park {self.name} again"

    @property
    def by_hand(self) -> str:
        detach = names.membership_by_hand("detach", self.name, self.target_groups)
        sizes = "--min-size 0 --max-size 0 --desired-capacity 0"
        return f"{detach}; {RESIZE} --auto-scaling-group-name {self.name} {sizes}"


class UndoMark(Undo):
    """Give the groups the marks that they had: blue serves, and green does not. `tags` by group."""

    action: Literal["mark as before"] = "mark as before"
    tags: dict[str, dict[str, str]]

    @property
    def what(self) -> str:
        return "mark who served before"

    @property
    def by_hand(self) -> str:
        return by_hand.mark(self.tags)


class UndoPreview(Undo):
    """Point the preview's rules where they pointed before."""

    action: Literal["point preview"] = "point preview"
    rules: tuple[Rule, ...]

    @property
    def what(self) -> str:
        return "let the preview show blue"

    @property
    def by_hand(self) -> str:
        return "; ".join(f"aws elbv2 {_modify(rule)} {_forward(rule)}" for rule in self.rules)


class UndoShift(Undo):
    """Give blue's target group `live` its traffic again. The rules are as they were before."""

    vital: ClassVar[bool] = True
    action: Literal["shift back"] = "shift back"
    rules: tuple[Rule, ...]
    live: str
    idle: str

    @property
    def what(self) -> str:
        return "give blue the traffic back"

    @property
    def by_hand(self) -> str:
        return "; ".join(f"aws elbv2 {_modify(rule)} {_forward(rule)}" for rule in self.rules)


class UndoDetach(Undo):
    """Attach blue again."""

    vital: ClassVar[bool] = True
    action: Literal["attach again"] = "attach again"
    name: str
    target_groups: tuple[str, ...]

    @property
    def what(self) -> str:
        return f"attach {self.name} to the load balancer again"

    @property
    def by_hand(self) -> str:
        return names.membership_by_hand("attach", self.name, self.target_groups)


AnyUndo = Annotated[
    UndoBake
    | UndoTemplate
    | UndoGroup
    | UndoPin
    | UndoWake
    | UndoMark
    | UndoPreview
    | UndoShift
    | UndoDetach,
    Field(discriminator="action"),
]


def _forward(rule: Rule) -> str:
    groups = ",".join(
        f"{{TargetGroupArn={arn},Weight={weight}}}" for arn, weight in rule.weights.items()
    )
    return f"'Type=forward,ForwardConfig={{TargetGroups=[{groups}]}}'"


def _modify(rule: Rule) -> str:
    if rule.default:
        return f"modify-listener --listener-arn {rule.listener} --default-actions"
    return f"modify-rule --rule-arn {rule.arn} --actions"
