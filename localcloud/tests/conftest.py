"""One local cloud for all contract tests of a test process."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from harness import (
    OTHER_REGION,
    Account,
    Cloud,
    Front,
    Network,
    build_front,
    build_network,
    image_of,
)
from pair import Pair, build_pair

_numbers = itertools.count(1)
UNITS = "$DESTDIR/etc/systemd/system/multi-user.target.wants"
WEB = f"""mkdir -p {UNITS} $DESTDIR/srv
echo hello > $DESTDIR/srv/health
cat > {UNITS}/web.service <<'UNIT'
[Service]
WorkingDirectory=/srv
Environment=PORT=8080 HOST=0.0.0.0
ExecStart=/bin/sh -c 'exec python3 -m http.server --bind $HOST $PORT'
UNIT
"""


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The machine's own AWS settings decide no test."""
    home = tmp_path_factory.mktemp("localcloud")
    with pytest.MonkeyPatch.context() as patch:
        for key in [key for key in os.environ if key.startswith("AWS_")]:
            patch.delenv(key)
        patch.setenv("AWS_CONFIG_FILE", str(home / "no-config"))
        cloud = Cloud(home)
        yield cloud
        cloud.stop()


@pytest.fixture(scope="session")
def region(cloud: Cloud) -> Account:
    return Account(cloud.environment)


@pytest.fixture(scope="module")
def account(region: Account) -> Iterator[Account]:
    yield region
    region.control("DELETE", "faults")


@pytest.fixture(scope="session")
def network(region: Account) -> Network:
    return build_network(region, 1)


@pytest.fixture(scope="session")
def front(region: Account, network: Network) -> Front:
    return build_front(region, network)


@pytest.fixture(scope="session")
def abroad(cloud: Cloud) -> tuple[Account, Network]:
    """Another region of the same cloud."""
    there = Account(cloud.environment, OTHER_REGION)
    return there, build_network(there, 31)


@pytest.fixture
def name() -> str:
    return f"contract-{next(_numbers)}"


@pytest.fixture
def base(network: Network) -> dict[str, Any]:
    return network.launch


@pytest.fixture(scope="session")
def web_image(region: Account, network: Network) -> str:
    """An image whose instances serve their own disk over HTTP."""
    return image_of(region, network.launch, "web", WEB)


@pytest.fixture
def group(account: Account, network: Network, name: str, web_image: str) -> Iterator[str]:
    """A group of two, from a template with the web image."""
    data = {
        "ImageId": web_image,
        "InstanceType": "t3.micro",
        "MetadataOptions": {"HttpTokens": "required"},
        "UserData": "IyEvYmluL3NoCg==",
    }
    account.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=data)
    account.autoscaling.create_auto_scaling_group(
        AutoScalingGroupName=name,
        LaunchTemplate={"LaunchTemplateName": name, "Version": "1"},
        MinSize=0,
        MaxSize=4,
        DesiredCapacity=2,
        VPCZoneIdentifier=",".join(network.subnets),
        HealthCheckType="ELB",
        HealthCheckGracePeriod=60,
    )
    yield name
    if account.groups(name):
        account.autoscaling.delete_auto_scaling_group(AutoScalingGroupName=name, ForceDelete=True)


@pytest.fixture(scope="session")
def pair(region: Account, network: Network) -> Pair:
    return build_pair(region, network)
