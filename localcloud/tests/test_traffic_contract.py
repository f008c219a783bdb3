"""Weights, rules, TCP, and what CloudWatch says of the traffic."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from harness import refused, until
from pair import Pair


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


def metric(
    pair: Pair, name: str, stat: str, since: datetime, *, by_target_group: bool = True
) -> list[float]:
    balancer = pair.balancer["LoadBalancerArn"].split("loadbalancer/")[1]
    dimensions = [{"Name": "LoadBalancer", "Value": balancer}]
    if by_target_group:
        group = pair.arns[0].rsplit(":", 1)[-1]
        dimensions.append({"Name": "TargetGroup", "Value": group})
    wanted = {
        "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": name, "Dimensions": dimensions},
        "Period": 1,
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


def test_an_answer_that_the_balancer_gives_in_the_targets_place_is_none_of_the_targets(
    pair: Pair,
) -> None:
    """
    A target that cuts the connection: 502, and no metric of its target group has it.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """

    def status(path: str) -> int:
        connection = pair.connection()
        connection.request("GET", path)
        found = connection.getresponse().status
        connection.close()
        return found

    def counted(name: str, *, by_target_group: bool = True) -> float:
        return sum(metric(pair, name, "Sum", since, by_target_group=by_target_group))

    # The next whole second: nothing that another test sent is counted.
    since = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    until(lambda: datetime.now(UTC) >= since)
    assert [status("/cut") for _ in range(3)] == [502] * 3
    assert [status("/broken") for _ in range(2)] == [500] * 2
    assert status("/") == 200

    until(lambda: counted("RequestCount") == 6)
    targets = [counted(f"HTTPCode_Target_{code}XX_Count") for code in "2345"]
    assert targets == [1, 0, 0, 2]
    assert counted("HTTPCode_ELB_502_Count", by_target_group=False) == 3
    assert counted("HTTPCode_ELB_5XX_Count", by_target_group=False) == 3
    assert counted("HTTPCode_ELB_5XX_Count") == 0
