"""Balancers: what moto knows of their listeners and rules, put into Envoy's words."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from localcloud import envoy, pages, routes
from localcloud.classic import Classic
from localcloud.envoy import Envoy
from localcloud.metrics import balancer_key
from localcloud.patches import Original, corrects
from localcloud.region import Region
from localcloud.targets import Targets
from localcloud.upstream import backends

_ELB = "moto.elbv2.models:ELBv2Backend."
_CARRIED = "What the balancer does not carry is refused."


class Balancer:
    def __init__(self, region: Region, targets: Targets) -> None:
        self.envoy = Envoy(region.directory("envoy"))
        self.classic = Classic(targets, self._next_address)
        self._region = region
        self._targets = targets
        self._numbers = iter(range(1, 255))
        self._changed = threading.Event()
        self._changed.set()
        targets.changed = self.look_again
        region.every_tick(self._write_if_changed)

    @corrects(
        _ELB + "create_load_balancer",
        "A balancer is made once for its name; its DNS name is an address on which it listens.",
        pages.elbv2("CreateLoadBalancer"),
    )
    def create(self, original: Original, elb: Any, name: str, *more: Any, **named: Any) -> Any:
        for known in elb.load_balancers.values():
            if known.name == name:
                return known
        made = original(elb, name, *more, **named)
        made.dns_name = self._next_address()
        made.state = "active"
        return made

    @corrects(_ELB + "create_rule", _CARRIED, pages.elbv2("CreateRule"))
    def create_rule(
        self,
        original: Original,
        elb: Any,
        listener_arn: str,
        conditions: Any,
        priority: int,
        actions: Any,
        *more: Any,
        **named: Any,
    ) -> Any:
        routes.require_known(None, actions, conditions)
        return original(elb, listener_arn, conditions, priority, actions, *more, **named)

    @corrects(_ELB + "modify_rule", _CARRIED, pages.elbv2("ModifyRule"))
    def modify_rule(
        self, original: Original, elb: Any, rule_arn: str, conditions: Any, actions: Any
    ) -> Any:
        routes.require_known(None, actions, conditions)
        return original(elb, rule_arn, conditions, actions)

    @corrects(_ELB + "create_listener", _CARRIED, pages.elbv2("CreateListener"))
    def create_listener(
        self,
        original: Original,
        elb: Any,
        load_balancer_arn: str,
        protocol: str,
        port: str,
        ssl_policy: str,
        certificate: str | None,
        actions: list[dict[str, Any]],
        *more: Any,
        **named: Any,
    ) -> Any:
        routes.require_known(protocol, actions)
        return original(
            elb, load_balancer_arn, protocol, port, ssl_policy, certificate, actions, *more, **named
        )

    @corrects(_ELB + "modify_listener", _CARRIED, pages.elbv2("ModifyListener"))
    def modify_listener(
        self,
        original: Original,
        elb: Any,
        arn: str,
        port: str | None = None,
        protocol: str | None = None,
        ssl_policy: str | None = None,
        certificates: list[dict[str, Any]] | None = None,
        actions: list[dict[str, Any]] | None = None,
    ) -> Any:
        routes.require_known(protocol, actions or [])
        return original(elb, arn, port, protocol, ssl_policy, certificates, actions)

    def look_again(self) -> None:
        """Who may get traffic, or how it is routed, may have changed."""
        self._changed.set()

    def start(self) -> None:
        self._write_if_changed()
        self.envoy.start(self._region.lease)

    def stop(self) -> None:
        self.envoy.stop()

    def _next_address(self) -> str:
        return self._region.settings.balancer_address(next(self._numbers))

    def _write_if_changed(self) -> None:
        if not self._changed.is_set():
            return
        self._changed.clear()
        try:
            self._write()
        except BaseException:
            self._changed.set()
            raise

    def _write(self) -> None:
        used: dict[str, Any] = {}
        table: list[Any] = []
        listeners = [
            *self._listeners(used, table),
            *self._classic_listeners(used, table),
        ]
        clusters = [
            envoy.cluster(
                name,
                [(check.address, check.port) for check in self._targets.in_rotation(group.arn)],
            )
            for name, group in used.items()
        ]
        self.envoy.write(clusters, table, listeners)

    def _listeners(self, used: dict[str, Any], table: list[Any]) -> list[dict[str, Any]]:
        """Target groups go into `used` by their cluster's name, routes into `table`."""
        found = []
        for elb in backends("elbv2"):
            cluster_of = partial(_cluster_name, elb, used)
            for balancer in elb.load_balancers.values():
                label = balancer_key(elb.region_name, balancer.arn.partition("loadbalancer/")[2])
                for listener in balancer.listeners.values():
                    name = routes.listener_name(listener)
                    where = (name, balancer.dns_name, listener.port)
                    if listener.protocol == "TCP":
                        weights = routes.tcp_weights(listener, cluster_of)
                        found.append(envoy.tcp_listener(*where, weights))
                    else:
                        table += routes.of_listener(listener, cluster_of)
                        found.append(self.envoy.http_listener(*where, balancer=label))
        return found

    def _classic_listeners(self, used: dict[str, Any], table: list[Any]) -> list[dict[str, Any]]:
        found = []
        for pool in list(self.classic.pools.values()):
            cluster_name = pool.arn.replace("/", "-")
            used[cluster_name] = pool
            for listener in pool.balancer.listeners:
                name = f"{cluster_name}-{listener.load_balancer_port}"
                where = (name, pool.balancer.dns_name, listener.load_balancer_port)
                if listener.protocol == "HTTP":
                    table.append(routes.all_to(cluster_name, name))
                    found.append(self.envoy.http_listener(*where, balancer=cluster_name))
                else:
                    found.append(envoy.tcp_listener(*where, {cluster_name: 1}))
        return found


def _cluster_name(elb: Any, used: dict[str, Any], arn: str) -> str | None:
    """None where there is no such target group."""
    group = elb.target_groups.get(arn)
    if group is None:
        return None
    name = f"{elb.region_name}-{group.name}"
    used[name] = group
    return name
