"""Weights, rules, TCP, and what CloudWatch says of the traffic."""

from __future__ import annotations

import http.client
import socket
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from harness import Account, Network, image_of, refused, run, until

PORT = 9_500
SERVER = """import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
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

    def __init__(
        self, account: Account, network: Network, base: dict[str, Any], number: int
    ) -> None:
        self.elb, self.account, self.port = account.elbv2, account, PORT + number
        name = f"pair-{number}"
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


@pytest.fixture(scope="module")
def pair(account: Account, network: Network) -> Pair:
    number = int(time.time() * 10) % 400
    wants = "$DESTDIR/etc/systemd/system/multi-user.target.wants"
    script = (
        f"mkdir -p {wants} $DESTDIR/srv\n"
        f"cat > $DESTDIR/srv/server.py <<'PY'\n{SERVER}PY\n"
        f"cat > {wants}/web.service <<'UNIT'\n{UNIT}UNIT\n"
    )
    image = image_of(account, network.launch, f"pair-{number}", script)
    return Pair(account, network, network.launch | {"ImageId": image}, number)


def test_weights_move_the_traffic_of_open_connections_too(pair: Pair) -> None:
    """An ALB decides for each request, not for each connection."""
    connection = pair.connection()
    assert pair.ask(5, over=connection) == {"blue": 5}
    pair.weigh(0, 100)
    until(lambda: pair.ask(1, over=connection) == {"green": 1})
    assert pair.ask(20, over=connection) == {"green": 20}
    pair.weigh(50, 50)
    until(lambda: set(pair.ask(20, over=connection)) == {"blue", "green"})
    assert 50 < pair.ask(200, over=connection)["green"] < 150
    connection.close()
    pair.weigh(0, 0)
    until(lambda: pair.ask(1) == {"": 1})
    pair.weigh(100, 0)
    until(lambda: pair.ask(1) == {"blue": 1})
    described = pair.elb.describe_rules(ListenerArn=pair.listener)["Rules"][-1]["Actions"][0][
        "ForwardConfig"
    ]["TargetGroups"]
    assert [item["Weight"] for item in described] == [100, 0]


def test_a_client_with_the_cookie_stays_where_it_was_whatever_that_weighs(pair: Pair) -> None:
    def answer(cookie: str = "") -> tuple[str, str]:
        connection = pair.connection()
        connection.request("GET", "/", headers={"Cookie": cookie} if cookie else {})
        found = connection.getresponse()
        color = pair.colors[found.read().decode()]
        connection.close()
        return color, (found.getheader("Set-Cookie") or "").partition(";")[0]

    action = pair.action(100, 0)
    action[0]["ForwardConfig"]["TargetGroupStickinessConfig"] = {
        "Enabled": True,
        "DurationSeconds": 60,
    }
    pair.elb.modify_listener(ListenerArn=pair.listener, DefaultActions=action)
    until(lambda: answer()[1].startswith("AWSALBTG="))
    color, cookie = answer()
    action[0]["ForwardConfig"]["TargetGroups"] = pair.action(0, 100)[0]["ForwardConfig"][
        "TargetGroups"
    ]
    pair.elb.modify_listener(ListenerArn=pair.listener, DefaultActions=action)
    until(lambda: answer()[0] == "green")

    assert (color, answer(cookie)[0], answer(f"theirs=1; {cookie}")[0]) == ("blue", "blue", "blue")
    pair.weigh(100, 0)
    until(lambda: answer() == ("blue", ""))


def test_a_rule_on_a_header_shows_the_other_one(pair: Pair) -> None:
    condition = {
        "Field": "http-header",
        "HttpHeaderConfig": {"HttpHeaderName": "X-Preview", "Values": ["yes*"]},
    }
    forward = [{"Type": "forward", "TargetGroupArn": pair.arns[1]}]
    rule = pair.elb.create_rule(
        ListenerArn=pair.listener, Conditions=[condition], Priority=10, Actions=forward
    )["Rules"][0]["RuleArn"]
    until(lambda: pair.ask(1, preview="yes, please") == {"green": 1})

    assert pair.ask(3) == {"blue": 3}
    assert pair.ask(3, preview="no") == {"blue": 3}
    pair.elb.modify_rule(
        RuleArn=rule, Actions=[{"Type": "forward", "TargetGroupArn": pair.arns[0]}]
    )
    until(lambda: pair.ask(1, preview="yes") == {"blue": 1})
    pair.elb.delete_rule(RuleArn=rule)
    unknown = {"Field": "source-ip", "SourceIpConfig": {"Values": ["10.0.0.0/8"]}}
    assert (
        refused(
            pair.elb.create_rule,
            ListenerArn=pair.listener,
            Conditions=[unknown],
            Priority=11,
            Actions=forward,
        )
        == "NotImplemented"
    )


def metric(pair: Pair, name: str, stat: str, since: datetime) -> list[float]:
    dimensions = [
        {"Name": "TargetGroup", "Value": pair.arns[0].rsplit(":", 1)[-1]},
        {
            "Name": "LoadBalancer",
            "Value": pair.balancer["LoadBalancerArn"].split("loadbalancer/")[1],
        },
    ]
    wanted = {
        "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions},
        "Period": 10,
        "Stat": stat,
    }
    found = pair.account.cloudwatch.get_metric_data(
        MetricDataQueries=[{"Id": "one", "MetricStat": wanted}],
        StartTime=since,
        EndTime=datetime.now(UTC) + timedelta(seconds=10),
    )
    return list(found["MetricDataResults"][0]["Values"])


def test_the_traffic_is_counted_and_alarms_are_raised(pair: Pair) -> None:
    since = datetime.now(UTC)
    pair.account.cloudwatch.put_metric_alarm(
        AlarmName=f"errors-{pair.port}",
        Namespace="AWS/ApplicationELB",
        MetricName="HTTPCode_Target_5XX_Count",
        Statistic="Sum",
        Period=1,
        Dimensions=[{"Name": "TargetGroup", "Value": pair.arns[0].rsplit(":", 1)[-1]}],
        EvaluationPeriods=10,
        DatapointsToAlarm=1,
        Threshold=2,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )

    def alarm() -> str:
        return str(
            pair.account.cloudwatch.describe_alarms(AlarmNames=[f"errors-{pair.port}"])[
                "MetricAlarms"
            ][0]["StateValue"]
        )

    assert alarm() == "OK"
    pair.ask(7)
    pair.ask(5, "/broken")

    until(lambda: sum(metric(pair, "HTTPCode_Target_5XX_Count", "Sum", since)) == 5)
    assert sum(metric(pair, "RequestCount", "Sum", since)) >= 12
    assert 0 <= metric(pair, "TargetResponseTime", "p90", since)[0] < 1
    until(lambda: alarm() == "ALARM")
    until(lambda: alarm() == "OK", 30)


def test_a_network_balancer_carries_tcp(account: Account, network: Network, pair: Pair) -> None:
    name = f"nlb-{pair.port}"
    balancer: Any = account.elbv2.create_load_balancer(
        Name=name, Type="network", Subnets=list(network.subnets)
    )["LoadBalancers"][0]
    group = account.elbv2.create_target_group(
        Name=name,
        Protocol="TCP",
        Port=8080,
        VpcId=network.vpc,
        HealthCheckProtocol="TCP",
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=3,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    account.elbv2.register_targets(TargetGroupArn=group, Targets=[{"Id": pair.instances[1]}])
    account.elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="TCP",
        Port=pair.port + 400,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    until(
        lambda: (
            account.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"][
                0
            ]["TargetHealth"]["State"]
            == "healthy"
        )
    )

    def answered() -> bool:
        try:
            with socket.create_connection(
                (balancer["DNSName"], pair.port + 400), timeout=5
            ) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return pair.instances[1].encode() in b"".join(
                    iter(lambda: connection.recv(4096), b"")
                )
        except OSError:
            return False

    until(answered)
