"""How long does this region take, and where does it live?"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT = "123456789012"


@dataclass(frozen=True)
class Delays:
    """
    Seconds.

    `scale` is how long one AWS second of a health check interval or a deregistration delay takes.
    """

    boot: float = 0.3
    stop: float = 0.1
    terminate: float = 0.2
    image: float = 0.5
    scale: float = 0.1

    @classmethod
    def none(cls) -> Delays:
        return cls(boot=0, stop=0, terminate=0, image=0, scale=0)


@dataclass(frozen=True)
class Settings:
    """
    `network` is the second octet of 127.N.0.0/16.

    All instances and balancers of this region listen in it.
    """

    network: int
    home: Path
    region: str = "eu-west-1"
    port: int = 0
    delays: Delays = field(default_factory=Delays)

    @property
    def cidr(self) -> str:
        return f"127.{self.network}.0.0/16"

    def balancer_address(self, number: int) -> str:
        return f"127.{self.network}.255.{number}"
