"""In memory: launch templates and launch configurations."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from temporalio import activity

from activities.aws import nothing_there
from activities.templates import EnsureTemplate, TemplateRef
from domain import names
from domain.errors import AwsRefused, Conflict
from domain.sweep import Owned
from tests.workflows.world import World


class TemplatesInMemory:
    def __init__(self, world: World) -> None:
        self._world = world

    @activity.defn
    async def ensure_launch_template(self, request: EnsureTemplate) -> None:
        account = self._world.account
        known = account.template_images.setdefault(request.name, request.image)
        if known != request.image:
            raise Conflict(f"the launch template {request.name} exists and launches {known}")
        account.templates.setdefault(
            request.name,
            Owned(
                kind="launch template",
                id=f"lt-{uuid.uuid4().hex[:8]}",
                name=request.name,
                release=request.tags[names.RELEASE],
                created_at=datetime.now(UTC).isoformat(),
            ),
        )

    @activity.defn
    async def delete_launch_template(self, request: TemplateRef) -> None:
        account = self._world.account
        if request.name not in account.templates:
            nothing_there(request.name, request.visible_by)
        account.templates.pop(request.name, None)
        account.template_images.pop(request.name, None)

    @activity.defn
    async def ensure_launch_configuration(self, request: EnsureTemplate) -> None:
        known = self._world.account.configurations.setdefault(request.name, request.image)
        if known != request.image:
            raise Conflict(f"the launch configuration {request.name} exists and launches {known}")

    @activity.defn
    async def delete_launch_configuration(self, request: TemplateRef) -> None:
        account = self._world.account
        if request.name not in account.configurations:
            nothing_there(request.name, request.visible_by)
        elif any(g.launch_configuration == request.name for g in account.groups.values()):
            raise AwsRefused(f"AWS refused ResourceInUse: {request.name} is attached to a group")
        account.configurations.pop(request.name, None)
