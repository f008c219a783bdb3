"""What a bake makes: the service was tried, no secret is in it, and no credential is left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from demo.account import Snapshot
from tests.git_server import PrivateGit
from tests.planted import disk, places_that_know
from tests.stacks import StackUnderTest, Theatre

MakeStack = Callable[..., StackUnderTest]
# Not a real secret. It is put together here so that no scanner takes this file for one.
PLANTED = "glpat-" + "Planted0Planted0Plan"
NEVER_ON_A_BUILDER = r"""TRY=no
START="sh -c 'test -z \"\$OVENBIRD_BUILDER\" && exec python3 app.py'"
"""
PRIVATE_KEY = "-----BEGIN OPENSSH " + "PRIVATE KEY-----\n" + "planted0" * 9 + "\n"


def of(stack: StackUnderTest) -> Snapshot:
    """The builder and the images of the stack's application."""
    return stack.account.snapshot(only=f"app{stack.name[1:]}-")


async def test_a_service_that_is_not_fit_to_serve_becomes_no_image(stack: StackUnderTest) -> None:
    stack.repository.release(
        "v1", ovenbird__env="START=\"sh -c 'echo no database here; exit 4'\"\n"
    )
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "RolledBack"
    assert "is not fit to serve: it ended with exit code 4" in error.message
    assert "no database here" in error.message
    assert of(stack) == Snapshot()


async def test_a_secret_in_the_image_fails_the_bake_by_name_and_is_not_told(
    stack: StackUnderTest,
) -> None:
    stack.repository.release("v1", deploy__pem=PRIVATE_KEY, settings__ini=f"token={PLANTED}\n")
    error = await stack.fails(await stack.start("v1"))

    assert (
        "/srv/app/deploy.pem must not be in an image: it looks like a private key" in error.message
    )
    assert (
        "/srv/app/settings.ini must not be in an image: it looks like a GitLab token"
        in error.message
    )
    assert PLANTED not in error.message
    assert of(stack) == Snapshot()


async def test_an_image_tells_what_is_in_it_and_what_only_looks_like_a_secret_may_be(
    stack: StackUnderTest, theatre: Theatre
) -> None:
    """Programs that read keys, documented examples, and what ovenbird.env names."""
    env = 'START="python3 app.py"\nSCAN_ALLOW="*.pem"\n'
    reader = (
        'MARK = b"-----BEGIN OPENSSH '
        'PRIVATE KEY-----"\n'
        'URL = "https://user:password@example.com"\n'
        'KEY = "AKIAIOSFODNN7EXAMPLE"\n'
    )
    stack.repository.release("v1", keys__py=reader, deploy__pem=PRIVATE_KEY, ovenbird__env=env)
    result = await stack.release("v1")
    ((image, name),) = of(stack).images.items()
    kept = stack.account.s3.get_object(
        Bucket=stack.infrastructure.bucket, Key=f"manifests/{name}.json"
    )["Body"].read()
    files = json.loads(kept)["files"]

    assert image == result["image"]
    assert {
        "/srv/app/app.py",
        "/srv/app/VERSION",
        "/srv/app/keys.py",
        "/srv/app/deploy.pem",
        "/etc/sysctl.d/60-web-server.conf",
    } <= files.keys()
    assert kept == (disk(theatre, image) / "usr/share/ovenbird/manifest.json").read_bytes()
    assert not (disk(theatre, image) / "var/lib/ovenbird").exists()


@pytest.fixture
def builder_profile(theatre: Theatre) -> Iterator[str]:
    environment = theatre.stage.environment
    make: Any = boto3.Session(
        aws_access_key_id="x",
        aws_secret_access_key="x",
        region_name=environment["AWS_DEFAULT_REGION"],
    ).client
    iam = make("iam", endpoint_url=environment["AWS_ENDPOINT_URL"])
    iam.create_instance_profile(InstanceProfileName="builder")
    yield "builder"
    iam.delete_instance_profile(InstanceProfileName="builder")


@pytest.fixture
def private(
    make_stack: MakeStack, theatre: Theatre, builder_profile: str, tmp_path: Path
) -> Iterator[StackUnderTest]:
    """A stack whose repository asks for a token. The token is in Parameter Store."""
    server = PrivateGit(tmp_path, PLANTED)
    stack = make_stack(bake=f'profile = "{builder_profile}"')
    name = f"/ovenbird/{stack.name}/token"
    stack.account.ssm.put_parameter(Name=name, Value=PLANTED, Type="SecureString")
    stack.configure(
        f'repository = "{stack.repository.url}"',
        f'repository = "{server.url(stack.repository.directory.name)}"\n'
        f'credential.parameter = "{name}"',
    )
    yield stack
    server.stop()


async def test_a_private_repositorys_token_is_nowhere(private: StackUnderTest) -> None:
    """I8: no history, log, tag, user data, process or disk of an image holds it."""
    stack = private
    stack.repository.release("v1", ovenbird__env='BUILD="sleep 1"\nSTART="python3 app.py"\n')
    handle = await stack.start("v1")
    result, hits = await places_that_know(stack, handle, PLANTED, 4.0)

    assert result["commit"]
    assert hits == dict.fromkeys(hits, 0)


async def test_a_credential_that_cannot_be_read_is_refused_by_its_name(
    private: StackUnderTest,
) -> None:
    stack = private
    stack.repository.release("v1")
    stack.configure("/token", "/nothing")
    error = await stack.fails(await stack.start("v1"))

    assert error.type == "Refused"
    assert f"/ovenbird/{stack.name}/nothing" in error.message


async def test_the_environment_of_a_stack_arrives_at_boot(
    make_stack: MakeStack, builder_profile: str
) -> None:
    """One image serves every stack: each instance reads from AWS what differs."""
    stack = make_stack()
    settings = (
        f'profile = "{builder_profile}"',
        f'environment.parameters = "/{stack.name}/app"',
        'environment.values = { GREETING = "good $day" }',
    )
    stack.configure('type = "t3.micro"', "\n".join(('type = "t3.micro"', *settings)))
    stack.account.ssm.put_parameter(
        Name=f"/{stack.name}/app/DATABASE_PASSWORD", Value='it"s secret', Type="SecureString"
    )
    stack.repository.release(
        "v1", ovenbird__env="START=\"sh -c 'env >seen; exec python3 app.py'\"\n"
    )
    await stack.release("v1")
    members = [i["InstanceId"] for i in stack.groups()["v1"]["Instances"]]
    roots = [
        Path(machine["root"]) for machine in stack.account.machines() if machine["id"] in members
    ]
    user_data = [
        stack.account.ec2.describe_instance_attribute(InstanceId=member, Attribute="userData")
        for member in members
    ]

    assert len(roots) == 2
    for root in roots:
        seen = (root / "srv/app/seen").read_text()
        assert "GREETING=good $day\n" in seen
        assert 'DATABASE_PASSWORD=it"s secret\n' in seen
    assert "secret" not in str(user_data)
