"""A listener's rules as Envoy's routes: who gets a request, by priority, condition and weight."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# The one thing that a balancer's user never sees: a target that closed its idle connection as the next request was sent. A target that
# is gone, or dies with a request in flight, costs that request here as it does on AWS.
RETRY = {"retry_on": "reset-before-request", "num_retries": 1}
TIMES = {"timeout": "60s", "retry_policy": RETRY}
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#target-group-stickiness
COOKIE = "AWSALBTG"
LISTENER = "x-localcloud-listener"
CONDITIONS = ("host-header", "http-header", "path-pattern")


def require_known(
    protocol: str | None,
    actions: Iterable[dict[str, Any]],
    conditions: Iterable[dict[str, Any]] = (),
) -> None:
    """Raises NotImplementedError: what the data plane does not carry is refused, never ignored."""
    if protocol not in (None, "HTTP", "TCP"):
        raise NotImplementedError(
            f"{protocol} listeners: the local cloud's balancer carries HTTP and TCP"
        )
    kinds = [action.get("Type") for action in actions]
    if kinds not in ([], ["forward"]) and not (kinds == ["fixed-response"] and protocol != "TCP"):
        raise NotImplementedError(
            f"the actions {kinds}: a listener forwards here, or answers by itself"
        )
    if unknown := [
        condition.get("Field")
        for condition in conditions
        if condition.get("Field") not in CONDITIONS
    ]:
        raise NotImplementedError(f"rules on {unknown}: there are {CONDITIONS}")


def weights(action: Any) -> dict[str, int]:
    """Target group ARN → weight."""
    forward = action.data.get("ForwardConfig") or {}
    listed = forward.get("TargetGroups") or [
        {"TargetGroupArn": action.data["TargetGroupArn"], "Weight": 1}
    ]
    return {item["TargetGroupArn"]: int(item.get("Weight", 1)) for item in listed}


def of_listener(listener: Any, cluster: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """Its part of the table, in the order of their priorities; `cluster` names that of a target group, None where there is no such group."""
    rules = sorted(
        listener.rules.values(),
        key=lambda rule: int(rule.priority) if str(rule.priority).isdigit() else 100_000,
    )
    mark = {"name": LISTENER, "string_match": {"exact": listener_name(listener)}}
    return [route for rule in rules for route in _routes(rule, mark, cluster)]


def all_to(cluster: str, listener: str) -> dict[str, Any]:
    """The one route of a listener that has no rules."""
    mark = {"name": LISTENER, "string_match": {"exact": listener}}
    return {"match": _match((), mark), "route": {"cluster": cluster, **TIMES}}


def listener_name(listener: Any) -> str:
    return str(listener.arn.rsplit("/", 1)[-1])


def marked(name: str) -> dict[str, Any]:
    """Every request says by which listener it came, before its route is looked for."""
    header = {"key": LISTENER, "value": name}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": [
                {"append": {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}}
            ],
        },
    }


def _routes(
    rule: Any, mark: dict[str, Any], cluster: Callable[[str], str | None]
) -> list[dict[str, Any]]:
    """A rule's own; before it, where its target groups are sticky, one for each of them: who has its cookie goes there, whatever it weighs."""
    match, route = _match(rule.conditions, mark), _route(rule.actions[0], cluster)
    sticky = (rule.actions[0].data.get("ForwardConfig") or {}).get(
        "TargetGroupStickinessConfig"
    ) or {}
    if str(sticky.get("Enabled")).lower() != "true" or "route" not in route:
        return [{"match": match, **route}]
    found = []
    for known in route["route"]["weighted_clusters"]["clusters"]:
        cookie = f"{COOKIE}={known['name']}"
        has_it = {"name": "cookie", "string_match": {"contains": cookie}}
        found.append(
            {
                "match": match | {"headers": [*match["headers"], has_it]},
                "route": {**TIMES, "cluster": known["name"]},
            }
        )
        said = {
            "key": "set-cookie",
            "value": f"{cookie}; Max-Age={int(sticky['DurationSeconds'])}; Path=/",
        }
        known["response_headers_to_add"] = [
            {"header": said, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        ]
    return [*found, {"match": match, **route}]


def _route(action: Any, cluster: Callable[[str], str | None]) -> dict[str, Any]:
    if action.type == "fixed-response":
        config = action.data["FixedResponseConfig"]
        return {
            "direct_response": {
                "status": int(config["StatusCode"]),
                "body": {"inline_string": config.get("MessageBody", "")},
            }
        }
    clusters = [
        {"name": name, "weight": weight}
        for arn, weight in weights(action).items()
        if (name := cluster(arn))
    ]
    if not any(item["weight"] for item in clusters):
        return {"direct_response": {"status": 503, "body": {"inline_string": ""}}}
    return {"route": {"weighted_clusters": {"clusters": clusters}, **TIMES}}


def _match(conditions: Iterable[dict[str, Any]], mark: dict[str, Any]) -> dict[str, Any]:
    match: dict[str, Any] = {"prefix": "/"}
    headers = [mark]
    for condition in conditions:
        field = condition["Field"]
        config = next(
            (value for key, value in condition.items() if key.endswith("Config")), condition
        )
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
