"""What a fault, or an action that is not modelled, does to a request."""

from __future__ import annotations

import urllib.error

import pytest
from harness import (
    Account,
    Network,
    refused,
)


def test_what_is_not_modelled_is_refused_and_not_retried(account: Account) -> None:
    assert refused(account.autoscaling.describe_adjustment_types) == "NotImplemented"


def test_throttling_and_errors_strike_as_often_as_they_were_asked_to(account: Account) -> None:
    """Botocore tries such calls again by itself: the record shows each try."""
    account.fault("throttle", "DescribeKeyPairs", skip=1)
    account.fault("error", "DescribeKeyPairs", skip=1, status=503, code="ServiceUnavailable")
    account.control("DELETE", "requests")
    for _ in range(3):
        account.ec2.describe_key_pairs()
    outcomes = [call["outcome"] for call in account.calls() if call["action"] == "DescribeKeyPairs"]

    assert sorted(outcomes) == ["RequestLimitExceeded", "ServiceUnavailable", "ok", "ok", "ok"]


@pytest.mark.parametrize("kind", ["lost_reply", "reset"])
def test_a_dropped_connection_leaves_the_caller_without_an_answer(
    account: Account, network: Network, name: str, kind: str
) -> None:
    """Botocore tries again: after a lost reply the second try finds what the first one made."""
    account.fault(kind, "CreateSecurityGroup")
    if kind == "lost_reply":
        code = refused(
            account.ec2.create_security_group,
            GroupName=name,
            Description="x",
            VpcId=network.vpc,
        )
        assert code == "InvalidGroup.Duplicate"
    else:
        account.ec2.create_security_group(GroupName=name, Description="x", VpcId=network.vpc)
    mine = [
        call
        for call in account.calls()
        if call["action"] == "CreateSecurityGroup" and name in str(call["parameters"])
    ]

    assert [call["fault"] for call in mine] == [kind, None]


def test_an_unknown_fault_is_refused(account: Account) -> None:
    for wrong in (
        {"kind": "gremlins"},
        {"kind": "throttle", "action": "*"},
        {"kind": "throttle", "match": {"bdy": "x"}},
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            account.fault(**wrong)
        caught.value.close()
