"""What one look at a stack's groups and targets has found."""

from __future__ import annotations

from domain.answering import Place
from domain.models import Deployment, Drain, Group, Model


class Observation(Model):
    """One look at the groups asked for; one that does not exist is missing."""

    groups: dict[str, Group] = {}
    drain: Drain | None = None
    places: tuple[Place, ...] = ()


class Parking(Model):
    """All deployments of the stack. `places` tell who answers; None while one is being parked."""

    deployments: tuple[Deployment, ...]
    places: tuple[Place, ...] | None = None
