"""
The sections of the stacks file about the application and its image.

deploy/stacks.toml is the manual.
"""

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

from domain.limits import (
    MOST_SECURITY_GROUPS,
    USER_DATA,
    Bucket,
    FitsAGroup,
    Profile,
    Reference,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
# Ten years: a time can still be reckoned from it, also where operators extend the wait a hundred
# times.
Seconds = Annotated[float, Field(ge=0, le=315_360_000)]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
# The ids of all accounts must fit into one tag value.
MOST_ACCOUNTS = 19
ARCHITECTURE = "{architecture}"


class Section(BaseModel):
    """A table of the stacks file. An unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Credential(Section):
    """
    Where the credential of a private repository is stored: exactly one of an SSM parameter and a
    secret of Secrets Manager, by name or ARN.

    It is a deploy key, a token, or a GitHub App. The worker reads it to resolve the tag. The
    builder reads it with its own role to pull the code.
    """

    parameter: Reference | None = None
    secret: Reference | None = None

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
        """The address is shown, tagged and recorded, so it must hold no secret."""
        scheme, _, rest = self.repository.partition("://")
        if rest and "@" in rest.partition("/")[0] and scheme != "ssh":
            raise ValueError(
                "repository must not contain a user, password or token; "
                "give the worker a git credential helper"
            )
        if self.repository.startswith("-"):
            raise ValueError("repository must not begin with a hyphen")
        return self


class Network(Section):
    vpc: str = Field(pattern=r"^vpc-")
    subnets: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^subnet-")], ...], FitsAGroup
    ] = Field(min_length=1)


class Environment(Section):
    """
    The environment of this stack's service at boot.

    `parameters` is an SSM path; `values` are plain values, no secrets.
    """

    parameters: str | None = Field(default=None, pattern=r"^/", max_length=2_048)
    values: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}

    @property
    def user_data(self) -> str:
        """The line of user data that environment.py reads on the instance. It holds no secret."""
        return f"# ovenbird-environment: {self.model_dump_json(exclude_none=True)}\n"

    @property
    def boot_script(self) -> str:
        return f"#!/bin/sh\n{self.user_data}"

    @model_validator(mode="after")
    def _fits_an_instance(self) -> Self:
        if (size := len(self.boot_script.encode())) > USER_DATA:
            raise ValueError(
                f"they are {size} bytes of user data, and AWS takes {USER_DATA}: keep large "
                "values in SSM parameters, and name their path in `parameters`"
            )
        return self


class Mixed(Section):
    """
    AWS's mixed instances. `types` maps each instance type to its weight, preferred types first.

    Sizes are in units of weight. `on_demand_base` units are on demand, and `on_demand_percentage`
    percent of the units above. The others are Spot. A new version is all on demand until it serves
    alone.
    """

    types: dict[str, Annotated[int, Field(ge=1, le=999)]] = Field(min_length=1, max_length=40)
    on_demand_base: int = Field(default=0, ge=0)
    on_demand_percentage: int = Field(default=100, ge=0, le=100)
    spot_allocation: Literal["price-capacity-optimized", "capacity-optimized", "lowest-price"] = (
        "price-capacity-optimized"
    )


class InstanceSettings(Section):
    """`type` is the type of the launch template and of the builder. `mixed` is for the group."""

    type: str = Field(min_length=1)
    mixed: Mixed | None = None
    profile: Profile | None = None
    environment: Environment | None = None
    security_groups: tuple[Annotated[str, StringConstraints(pattern=r"^sg-")], ...] = Field(
        min_length=1, max_length=MOST_SECURITY_GROUPS
    )


class BaseImage(Section):
    """
    One of `id`; `parameter` (an SSM parameter that holds the id); `name` with `owner`.

    `name` is a filter, and the newest image wins. {architecture} in a parameter or name is
    replaced by the stack's architecture.
    """

    id: str | None = Field(default=None, pattern=r"^ami-")
    parameter: Reference | None = None
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
    `template` is a team's own Packer template, by its path on the workers; .json means JSON, else
    it is HCL. `variables` are further variables for it.

    `reach`: the worker connects to the builder's private or public address. `admit` is the address
    from which the builder sees the worker, where NAT or a container changes it.
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
    """Encrypted with `kms_key`; without it, as the image is or as the region's default says."""

    region: Region
    kms_key: Reference | None = None


class Bake(Section):
    """
    `made_by` names another stack, whose bake also makes this stack's images, as copies.

    `verify`: the finished image is launched once, and must serve before it is used. None means:
    where the stack asks for approvals.
    """

    base_image: BaseImage
    artifacts_bucket: Bucket
    builder: Literal["native", "packer"] = "native"
    packer: PackerSettings = PackerSettings()
    values: dict[Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$")], str] = {}
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    subnet: str | None = Field(default=None, pattern=r"^subnet-")
    instance_type: str | None = None
    profile: Profile | None = None
    dead_man_minutes: int = Field(default=240, ge=10, le=1_000_000)
    made_by: Name | None = None
    verify: bool | None = None
    kms_key: Reference | None = None
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
                "kms_key is for the native builder: with Packer, its template says how the "
                "builder's volumes are encrypted"
            )
        return self
