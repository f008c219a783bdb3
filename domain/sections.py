"""The sections of the stacks file that say what is released and how it becomes an image. Its manual is deploy/stacks.toml."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Seconds = Annotated[float, Field(ge=0)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
# All of them must fit into one tag.
MOST_ACCOUNTS = 19
ARCHITECTURE = "{architecture}"


class Section(BaseModel):
    """A part of the file: an unknown key is a mistake, not a comment."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Credential(Section):
    """
    Where that lies which reads a private repository: an SSM parameter or a secret of Secrets Manager, by name or ARN.

    It holds a deploy key, a token, or a GitHub App. The worker reads it for the tag's commit, the builder with its own role for the code.
    """

    parameter: str | None = Field(default=None, min_length=1)
    secret: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.parameter is None) == (self.secret is None):
            raise ValueError("give exactly one of parameter and secret")
        return self


class Application(Section):
    name: Name
    repository: str = Field(min_length=1)
    credential: Credential | None = None

    @model_validator(mode="after")
    def _no_secret_in_the_address(self) -> Self:
        """It is shown, tagged and recorded everywhere."""
        scheme, _, rest = self.repository.partition("://")
        if rest and "@" in rest.partition("/")[0] and scheme != "ssh":
            raise ValueError(
                "repository must not contain a user, password or token; give the worker a git credential helper"
            )
        if self.repository.startswith("-"):
            raise ValueError("repository must not begin with a hyphen")
        return self


class Network(Section):
    vpc: str = Field(pattern=r"^vpc-")
    subnets: tuple[Annotated[str, StringConstraints(pattern=r"^subnet-")], ...] = Field(
        min_length=1
    )


class Environment(Section):
    """What the service of this stack finds in its environment at boot: SSM parameters below a path, and plain values (no secrets)."""

    parameters: str | None = Field(default=None, pattern=r"^/")
    values: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}

    @property
    def user_data(self) -> str:
        """A line of user data that tells environment.py on the instance where it lies; never what is secret in it."""
        return f"# ovenbird-environment: {self.model_dump_json(exclude_none=True)}\n"


class Mixed(Section):
    """
    AWS's mixed instances: `types` maps each instance type to its weight, the preferred ones first; sizes are then in units of weight.

    On demand are `on_demand_base` units and `on_demand_percentage` of those above, the rest is Spot; until it serves alone a new version is
    on demand altogether.
    """

    types: dict[str, Annotated[int, Field(ge=1, le=999)]] = Field(min_length=1, max_length=40)
    on_demand_base: int = Field(default=0, ge=0)
    on_demand_percentage: int = Field(default=100, ge=0, le=100)
    spot_allocation: Literal["price-capacity-optimized", "capacity-optimized", "lowest-price"] = (
        "price-capacity-optimized"
    )


class InstanceSettings(Section):
    """`type` is what the launch template says, and a bake's builder is; with `mixed` a group launches its types."""

    type: str = Field(min_length=1)
    mixed: Mixed | None = None
    profile: str | None = None
    environment: Environment | None = None
    security_groups: tuple[Annotated[str, StringConstraints(pattern=r"^sg-")], ...] = Field(
        min_length=1
    )


class BaseImage(Section):
    """
    One of: `id`; `parameter` (an SSM parameter that holds the id); `name` (a filter, newest wins) with `owner`.

    {architecture} in a parameter or name stands for the stack's: one definition serves both.
    """

    id: str | None = Field(default=None, pattern=r"^ami-")
    parameter: str | None = None
    name: str | None = None
    owner: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(way is not None for way in (self.id, self.parameter, self.name)) != 1:
            raise ValueError("give exactly one of id, parameter and name")
        if (self.name is None) != (self.owner is None):
            raise ValueError("name and owner go together: a name alone could be anybody's image")
        return self

    def of(self, architecture: str) -> BaseImage:
        words = {
            key: value.replace(ARCHITECTURE, architecture)
            for key, value in self.model_dump(exclude_none=True).items()
        }
        return BaseImage(**words)


class PackerSettings(Section):
    """
    `template` is a team's own (HCL, or JSON where it ends so), by its path on the workers; `variables` are further ones for it.

    `reach` is how the worker gets to the builder: its address in the VPC, or its public one. `admit` is the address from which the builder
    sees the worker, where that is not the worker's own (behind NAT, in a container).
    """

    template: str | None = Field(default=None, min_length=1)
    variables: dict[str, str] = {}
    user: str = Field(default="ec2-user", min_length=1)
    reach: Literal["private", "public"] = "private"
    admit: str | None = None

    @field_validator("admit")
    @classmethod
    def _one_address(cls, value: str | None) -> str | None:
        return None if value is None else str(ip_address(value))


class Copy(Section):
    """Encrypted with `kms_key` where there is one; else as the image is, or as the region's default says."""

    region: Region
    kms_key: str | None = Field(default=None, min_length=1)


class Bake(Section):
    """
    `made_by` names the stack whose bake makes this one's images too: they come by a copy into this region.

    `verify`: the finished image is launched once, and must serve, before it counts; where it is left out, stacks with an approval ask for it.
    """

    base_image: BaseImage
    artifacts_bucket: str = Field(min_length=3)
    builder: Literal["native", "packer"] = "native"
    packer: PackerSettings = PackerSettings()
    values: dict[Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$")], str] = {}
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    subnet: str | None = Field(default=None, pattern=r"^subnet-")
    instance_type: str | None = None
    profile: str | None = None
    dead_man_minutes: int = Field(default=240, ge=10)
    made_by: Name | None = None
    verify: bool | None = None
    kms_key: str | None = Field(default=None, min_length=1)
    copies: tuple[Copy, ...] = ()
    share_with: tuple[Annotated[str, StringConstraints(pattern=r"^\d{12}$")], ...] = Field(
        default=(), max_length=MOST_ACCOUNTS
    )
    deprecate_after_days: float | None = Field(default=None, gt=0, le=3_650)

    @model_validator(mode="after")
    def _once_each_and_a_key_that_can_be_used(self) -> Self:
        regions = [copy.region for copy in self.copies]
        if len(regions) != len(set(regions)):
            raise ValueError("copies names a region twice")
        if self.kms_key and self.builder == "packer":
            raise ValueError(
                "kms_key is for the native builder: with Packer, its template says how the builder's volumes are encrypted"
            )
        return self
