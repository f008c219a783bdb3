"""A balancer with two target groups, for the tests of traffic."""

from __future__ import annotations

import http.client
from collections import Counter
from functools import partial
from typing import Any

from harness import Account, Network, image_of, run, until

PORT = 9_500
SERVER = """import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/cut":
            self.close_connection = True
            return
        body = os.environ["LOCALCLOUD_INSTANCE"].encode()
        self.send_response(500 if self.path == "/broken" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
http.server.ThreadingHTTPServer((os.environ["HOST"], 8080), Handler).serve_forever()
"""
UNIT = "[Service]\nWorkingDirectory=/srv\nExecStart=python3 server.py\n"


class Pair:
    """A balancer with two target groups, each with one instance that says its name."""

    def __init__(self, account: Account, network: Network, base: dict[str, Any]) -> None:
        self.elb, self.account, self.port = account.elbv2, account, PORT
        name = "pair"
        self.balancer: Any = self.elb.create_load_balancer(
            Name=name, Subnets=list(network.subnets)
        )["LoadBalancers"][0]
        self.arns, self.instances = [], []
        self.colors = {"": ""}
        for color in ("blue", "green"):
            instance = run(account, base)
            self.colors[instance] = color
            group = self.elb.create_target_group(
                Name=f"{name}-{color}",
                Protocol="HTTP",
                Port=8080,
                VpcId=network.vpc,
                HealthCheckIntervalSeconds=5,
                HealthyThresholdCount=2,
                UnhealthyThresholdCount=2,
            )["TargetGroups"][0]
            self.elb.register_targets(
                TargetGroupArn=group["TargetGroupArn"], Targets=[{"Id": instance}]
            )
            self.arns.append(group["TargetGroupArn"])
            self.instances.append(instance)
        self.listener = self.elb.create_listener(
            LoadBalancerArn=self.balancer["LoadBalancerArn"],
            Protocol="HTTP",
            Port=self.port,
            DefaultActions=self.action(100, 0),
        )["Listeners"][0]["ListenerArn"]
        for arn in self.arns:
            until(partial(self.healthy, arn))

    def healthy(self, arn: str) -> bool:
        found = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
        return bool(found[0]["TargetHealth"]["State"] == "healthy")

    def action(self, *weights: int) -> list[dict[str, Any]]:
        groups = [
            {"TargetGroupArn": arn, "Weight": weight}
            for arn, weight in zip(self.arns, weights, strict=True)
        ]
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]

    def weigh(self, *weights: int) -> None:
        self.elb.modify_listener(ListenerArn=self.listener, DefaultActions=self.action(*weights))

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.balancer["DNSName"], self.port, timeout=10)

    def ask(
        self,
        times: int,
        path: str = "/",
        *,
        over: http.client.HTTPConnection | None = None,
        preview: str = "",
    ) -> Counter[str]:
        found: Counter[str] = Counter()
        for _ in range(times):
            connection = over or self.connection()
            connection.request("GET", path, headers={"X-Preview": preview} if preview else {})
            found[self.colors[connection.getresponse().read().decode()]] += 1
            if over is None:
                connection.close()
        return found


def build_pair(account: Account, network: Network) -> Pair:
    wants = "$DESTDIR/etc/systemd/system/multi-user.target.wants"
    script = (
        f"mkdir -p {wants} $DESTDIR/srv\n"
        f"cat > $DESTDIR/srv/server.py <<'PY'\n{SERVER}PY\n"
        f"cat > {wants}/web.service <<'UNIT'\n{UNIT}UNIT\n"
    )
    image = image_of(account, network.launch, "pair", script)
    return Pair(account, network, network.launch | {"ImageId": image})
