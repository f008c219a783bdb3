"""A listener's rules as Envoy's routes: who gets a request, by priority, condition and weight."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# The one failure that a balancer's user never sees: a target closed its idle connection while the
# next request was sent. A target that dies with a request in flight fails that request, as on AWS.
RETRY = {"retry_on": "reset-before-request", "num_retries": 1}
TIMES = {"timeout": "60s", "retry_policy": RETRY}
# The cookie of target group stickiness:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
COOKIE = "AWSALBTG"
LISTENER = "x-localcloud-listener"
CONDITIONS = ("host-header", "http-header", "path-pattern")
_MUTATION = "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
# From a target group's ARN to the name of its cluster, None where there is no such group.
ClusterOf = Callable[[str], str | None]


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
    fields = [condition.get("Field") for condition in conditions]
    if unknown := [field for field in fields if field not in CONDITIONS]:
        raise NotImplementedError(f"rules on {unknown}: there are {CONDITIONS}")


def tcp_weights(listener: Any, cluster_of: ClusterOf) -> dict[str, int]:
    """Cluster → weight, of a listener that has its default rule alone."""
    action = next(iter(listener.rules.values())).actions[0]
    return {name: weight for arn, weight in _weights(action).items() if (name := cluster_of(arn))}


def of_listener(listener: Any, cluster_of: ClusterOf) -> list[dict[str, Any]]:
    """The listener's part of the table, in the order of the rules' priorities."""
    rules = sorted(
        listener.rules.values(),
        key=lambda rule: int(rule.priority) if str(rule.priority).isdigit() else 100_000,
    )
    mark = _has_header(LISTENER, {"exact": listener_name(listener)})
    return [route for rule in rules for route in _routes(rule, mark, cluster_of)]


def all_to(cluster: str, listener: str) -> dict[str, Any]:
    """The one route of a listener that has no rules."""
    mark = _has_header(LISTENER, {"exact": listener})
    return {"match": _match((), mark), "route": {"cluster": cluster, **TIMES}}


def listener_name(listener: Any) -> str:
    return str(listener.arn.rsplit("/", 1)[-1])


def marked(name: str) -> dict[str, Any]:
    """Every request says by which listener it came, before its route is looked for."""
    header = {"key": LISTENER, "value": name}
    append = {"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
    return {
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": f"type.googleapis.com/{_MUTATION}",
            "mutations": [{"append": append}],
        },
    }


def _weights(action: Any) -> dict[str, int]:
    """Target group ARN → weight."""
    listed = (action.data.get("ForwardConfig") or {}).get("TargetGroups") or [
        {"TargetGroupArn": action.data["TargetGroupArn"], "Weight": 1}
    ]
    return {item["TargetGroupArn"]: int(item.get("Weight", 1)) for item in listed}


def _routes(rule: Any, mark: dict[str, Any], cluster_of: ClusterOf) -> list[dict[str, Any]]:
    """
    The rule's route.

    Where its target groups are sticky, one for each of them comes first: a client with a group's
    cookie goes to that group, whatever it weighs.
    """
    action = rule.actions[0]
    match, route = _match(rule.conditions, mark), _route(action, cluster_of)
    forward = action.data.get("ForwardConfig") or {}
    sticky = forward.get("TargetGroupStickinessConfig") or {}
    if str(sticky.get("Enabled")).lower() != "true" or "route" not in route:
        return [{"match": match, **route}]
    found = []
    for cluster in route["route"]["weighted_clusters"]["clusters"]:
        cookie = f"{COOKIE}={cluster['name']}"
        has_cookie = _has_header("cookie", {"contains": cookie})
        found.append(
            {
                "match": match | {"headers": [*match["headers"], has_cookie]},
                "route": {**TIMES, "cluster": cluster["name"]},
            }
        )
        max_age = f"Max-Age={int(sticky['DurationSeconds'])}"
        header = {"key": "set-cookie", "value": f"{cookie}; {max_age}; Path=/"}
        cluster["response_headers_to_add"] = [
            {"header": header, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        ]
    return [*found, {"match": match, **route}]


def _route(action: Any, cluster_of: ClusterOf) -> dict[str, Any]:
    if action.type == "fixed-response":
        config = action.data["FixedResponseConfig"]
        return _answer(int(config["StatusCode"]), config.get("MessageBody", ""))
    clusters = [
        {"name": name, "weight": weight}
        for arn, weight in _weights(action).items()
        if (name := cluster_of(arn))
    ]
    if not any(cluster["weight"] for cluster in clusters):
        return _answer(503, "")
    return {"route": {"weighted_clusters": {"clusters": clusters}, **TIMES}}


def _answer(status: int, body: str) -> dict[str, Any]:
    return {"direct_response": {"status": status, "body": {"inline_string": body}}}


def _match(conditions: Iterable[dict[str, Any]], mark: dict[str, Any]) -> dict[str, Any]:
    match: dict[str, Any] = {"prefix": "/"}
    headers = [mark]
    for condition in conditions:
        config = next(
            (value for key, value in condition.items() if key.endswith("Config")), condition
        )
        pattern = {"safe_regex": {"regex": "|".join(_glob(value) for value in config["Values"])}}
        if condition["Field"] == "path-pattern":
            del match["prefix"]
            match |= pattern
        elif condition["Field"] == "host-header":
            headers.append(_has_header(":authority", pattern))
        else:
            headers.append(_has_header(config["HttpHeaderName"].lower(), pattern))
    return match | {"headers": headers}


def _has_header(name: str, pattern: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "string_match": pattern}


def _glob(value: str) -> str:
    return re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
