"""I8 with a deploy key, for git over SSH: the worker and both builders keep it nowhere."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncssh
import boto3
import pytest

from demo.infrastructure import built_with
from tests.planted import disk, places_that_know
from tests.stacks import StackUnderTest, Theatre


@pytest.fixture
async def git_over_ssh(tmp_path: Path) -> AsyncIterator[tuple[str, str]]:
    """The address of the server, and the deploy key that it admits."""
    key, host_key = (
        asyncssh.generate_private_key("ssh-ed25519"),
        asyncssh.generate_private_key("ssh-ed25519"),
    )

    async def serve(process: Any) -> None:
        environment = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
            "GIT_CONFIG_VALUE_0": "true",
        }
        git = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            os.fsdecode(process.command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **environment},
        )
        await process.redirect(stdin=git.stdin, stdout=git.stdout)
        process.exit(await git.wait())

    authorized = asyncssh.import_authorized_keys(key.export_public_key().decode())
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        process_factory=serve,
        encoding=None,
        authorized_client_keys=authorized,
    )
    yield (
        f"ssh://git@127.0.0.1:{server.sockets[0].getsockname()[1]}",
        key.export_private_key().decode(),
    )
    server.close()


@pytest.fixture
def profile(theatre: Theatre) -> str:
    environment = theatre.stage.environment
    make: Any = boto3.Session(
        aws_access_key_id="x",
        aws_secret_access_key="x",
        region_name=environment["AWS_DEFAULT_REGION"],
    ).client
    iam = make("iam", endpoint_url=environment["AWS_ENDPOINT_URL"])
    if not iam.list_instance_profiles()["InstanceProfiles"]:
        iam.create_instance_profile(InstanceProfileName="builder")
    return "builder"


# A coroutine of asyncssh's server is never awaited where a client closes the connection.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("builder", ["native", "packer"])
async def test_a_deploy_key_is_nowhere(
    make_stack: Callable[..., StackUnderTest],
    theatre: Theatre,
    git_over_ssh: tuple[str, str],
    profile: str,
    builder: str,
) -> None:
    address, key = git_over_ssh
    planted = key.splitlines()[2]
    stack = make_stack(
        bake=built_with(builder, theatre.stage.environment) + f'profile = "{profile}"'
    )
    stack.configure(
        f'repository = "{stack.repository.url}"',
        f'repository = "{address}{stack.repository.directory}"\n'
        f'credential.parameter = "/{stack.name}/key"',
    )
    stack.account.ssm.put_parameter(Name=f"/{stack.name}/key", Value=key, Type="SecureString")
    stack.repository.release("v1", ovenbird__env='BUILD="sleep 1"\nSTART="python3 app.py"\n')
    result, hits = await places_that_know(stack, await stack.start("v1"), planted, 6.0)

    assert hits == dict.fromkeys(hits, 0)
    files = [
        path
        for path in disk(theatre, result["image"]).rglob("*")
        if path.is_file() and not path.is_symlink()
    ]
    assert not [
        path
        for path in files
        if path.name in ("authorized_keys", "known_hosts") or path.name.startswith("ssh_host_")
    ]
