"""A listener's rules as Envoy's routes: who gets a request, by priority, condition and weight."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# The one thing that a balancer's user never sees: a target that closed its idle connection as the next request was sent. A target that
# is gone, or dies with a request in flight, costs that request here as it does on AWS.
RETRY = {"retry_on": "reset-before-request", "num_retries": 1}
LISTENER = "x-localcloud-listener"
CONDITIONS = ("host-header", "http-header", "path-pattern")


def require_known(protocol: str | None, actions: Iterable[dict[str, Any]], conditions: Iterable[dict[str, Any]] = ()) -> None:
    """Raises NotImplementedError: what the data plane does not carry is refused, never ignored."""
    if protocol not in (None, "HTTP", "TCP"):
        raise NotImplementedError(f"{protocol} listeners: the local cloud's balancer carries HTTP and TCP")
    kinds = [action.get("Type") for action in actions]
    if kinds not in ([], ["forward"]) and not (kinds == ["fixed-response"] and protocol != "TCP"):
        raise NotImplementedError(f"the actions {kinds}: a listener forwards here, or answers by itself")
    if unknown := [condition.get("Field") for condition in conditions if condition.get("Field") not in CONDITIONS]:
        raise NotImplementedError(f"rules on {unknown}: there are {CONDITIONS}")


def weights(action: Any) -> dict[str, int]:
    """Target group ARN → weight."""
    forward = action.data.get("ForwardConfig") or {}
    listed = forward.get("TargetGroups") or [{"TargetGroupArn": action.data["TargetGroupArn"], "Weight": 1}]
    return {item["TargetGroupArn"]: int(item.get("Weight", 1)) for item in listed}


def of_listener(listener: Any, cluster: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """Its part of the table, in the order of their priorities; `cluster` names that of a target group, None where there is no such group."""
    rules = sorted(listener.rules.values(), key=lambda rule: int(rule.priority) if str(rule.priority).isdigit() else 100_000)
    mark = {"name": LISTENER, "string_match": {"exact": listener_name(listener)}}
    return [{"match": _match(rule.conditions, mark), **_route(rule.actions[0], cluster)} for rule in rules]


def all_to(cluster: str, listener: str) -> dict[str, Any]:
    """The one route of a listener that has no rules."""
    mark = {"name": LISTENER, "string_match": {"exact": listener}}
    route = {"weighted_clusters": {"clusters": [{"name": cluster, "weight": 1}]}, "timeout": "60s", "retry_policy": RETRY}
    return {"match": _match((), mark), "route": route}


def listener_name(listener: Any) -> str:
    return str(listener.arn.rsplit("/", 1)[-1])


def marked(name: str) -> dict[str, Any]:
    """Every request says by which listener it came, before its route is looked for."""
    header = {"key": LISTENER, "value": name}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [{"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}],
        },
    }


def _route(action: Any, cluster: Callable[[str], str | None]) -> dict[str, Any]:
    if action.type == "fixed-response":
        config = action.data["FixedResponseConfig"]
        return {"direct_response": {"status": int(config["StatusCode"]), "body": {"inline_string": config.get("MessageBody", "")}}}
    clusters = [{"name": name, "weight": weight} for arn, weight in weights(action).items() if (name := cluster(arn))]
    if not any(item["weight"] for item in clusters):
        return {"direct_response": {"status": 503, "body": {"inline_string": ""}}}
    return {"route": {"weighted_clusters": {"clusters": clusters}, "timeout": "60s", "retry_policy": RETRY}}


def _match(conditions: Iterable[dict[str, Any]], mark: dict[str, Any]) -> dict[str, Any]:
    match: dict[str, Any] = {"prefix": "/"}
    headers = [mark]
    for condition in conditions:
        field = condition["Field"]
        config = next((value for key, value in condition.items() if key.endswith("Config")), condition)
        pattern = {"safe_regex": {"regex": "|".join(_glob(value) for value in config["Values"])}}
        if field == "path-pattern":
            del match["prefix"]
            match |= pattern
        else:
            name = ":authority" if field == "host-header" else config["HttpHeaderName"].lower()
            headers.append({"name": name, "string_match": pattern})
    return match | {"headers": headers}


def _glob(value: str) -> str:
    return re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
