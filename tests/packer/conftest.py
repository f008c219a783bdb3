"""These tests need the real Packer. `make test-packer` runs them, and fails without it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from demo.infrastructure import built_with
from tests.stacks import StackUnderTest, Theatre


@pytest.fixture(scope="session", autouse=True)
def packer() -> str:
    found = shutil.which("packer")
    where = "https://developer.hashicorp.com/packer/install"
    assert found, f"there is no packer on the PATH: apt-get install packer, or {where}"
    return found


@pytest.fixture
def packed(
    make_stack: Callable[..., StackUnderTest], theatre: Theatre
) -> Callable[..., StackUnderTest]:
    """A stack that Packer bakes for."""

    def make(*, more: str = "", **settings: str) -> StackUnderTest:
        return make_stack(bake=built_with("packer", theatre.stage.environment) + more, **settings)

    return make
