"""What needs the real Packer: `make test-packer` runs it, and fails where there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from demo.infrastructure import built_with
from tests.conftest import StackUnderTest, Theatre


@pytest.fixture(scope="session", autouse=True)
def packer() -> str:
    found = shutil.which("packer")
    assert found, (
        "there is no packer on the PATH: apt-get install packer, or https://developer.hashicorp.com/packer/install"
    )
    return found


@pytest.fixture
def packed(
    make_stack: Callable[..., StackUnderTest], theatre: Theatre
) -> Callable[..., StackUnderTest]:
    """A stack that Packer bakes for."""

    def make(*, more: str = "", **settings: str) -> StackUnderTest:
        return make_stack(bake=built_with("packer", theatre.stage.environment) + more, **settings)

    return make
