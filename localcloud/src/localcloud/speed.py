"""What moto works out anew for each request, and what does not change."""

from __future__ import annotations

from typing import Any

from localcloud.patches import SPEED_ALONE, Original, corrects, replaces
from localcloud.upstream import EC2_PREFIX_TO_RESOURCE, get_prefix


class Speed:
    def __init__(self) -> None:
        self._modules: tuple[str, ...] = ()
        self._methods: dict[type, Any] = {}
        self._keys: dict[Any, tuple[str, ...]] = {}

    @corrects(
        "moto.backends:list_of_moto_modules",
        "The list of moto's services is read from the disk once.",
        SPEED_ALONE,
    )
    def list_modules(self, original: Original) -> tuple[str, ...]:
        self._modules = self._modules or tuple(original())
        return self._modules

    @corrects(
        "moto.core.responses:method_names_from_class",
        "The names of a response class's methods are listed once.",
        SPEED_ALONE,
    )
    def list_methods(self, original: Original, clazz: type) -> Any:
        if clazz not in self._methods:
            self._methods[clazz] = original(clazz)
        return self._methods[clazz]

    @corrects(
        "moto.core.serialize:XFormedAttributePicker.get_possible_keys",
        "The names under which an attribute may be found are worked out once for each class.",
        SPEED_ALONE,
    )
    def list_keys(self, original: Original, picker: Any, context: Any) -> tuple[str, ...]:
        shape = context.shape
        key = (
            context.service_model.service_name,
            getattr(getattr(shape, "parent", None), "name", ""),
            shape.name,
            context.key,
            type(context.obj),
        )
        if key not in self._keys:
            self._keys[key] = tuple(dict.fromkeys(original(picker, context)))
        return self._keys[key]

    @replaces(
        "moto.ec2.models.core:TaggedEC2Resource.get_tags",
        "A resource's tags are looked up by its id; moto searches those of all resources.",
        SPEED_ALONE,
    )
    def get_tags(self, resource: Any) -> list[dict[str, str]]:
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "") if resource.id else ""
        tags = resource.ec2_backend.tags.get(resource.id, {})
        return [
            {"resource_id": resource.id, "key": key, "value": value, "resource_type": kind}
            for key, value in tags.items()
        ]
