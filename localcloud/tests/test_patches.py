"""Every change to moto is declared, listed, and refused when moto is not as expected."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest

from localcloud.parts import ORDER, all_patches
from localcloud.patches import SPEED_ALONE, Kind, Patch, declared, require_known
from localcloud.upstream import UpstreamChangedError, resolve

PATCHES = [(part, patch) for part in ORDER for patch in declared(part)]
NAMES = [f"{part.__name__}-{patch.name}" for part, patch in PATCHES]
CHANGED = """
from moto.ec2.models.instances import InstanceBackend
InstanceBackend.run_instances = InstanceBackend.start_instances
del InstanceBackend.stop_instances
from localcloud.__main__ import main
main()
"""


def upstream(patch: Patch) -> Any:
    owner, name = resolve(patch.target)
    member = inspect.getattr_static(owner, name)
    return member.fget if isinstance(member, property) else getattr(owner, name)


@pytest.mark.parametrize(("part", "patch"), PATCHES, ids=NAMES)
def test_a_patch_names_its_parameters_as_moto_does(part: type, patch: Patch) -> None:
    """Moto calls its functions by position here and by name there."""
    if patch.kind is Kind.ADDS:
        assert not hasattr(*resolve(patch.target))
        return
    owner, name = resolve(patch.target)
    is_static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    is_method = inspect.isclass(owner)
    theirs = list(inspect.signature(upstream(patch)).parameters)
    ours = list(inspect.signature(vars(part)[patch.method]).parameters.values())[1:]
    ours = ours[1:] if patch.kind is Kind.CORRECTS else ours
    named = [one.name for one in ours if one.kind is one.POSITIONAL_OR_KEYWORD]
    if is_method:
        named, theirs = named[1:], theirs if is_static else theirs[1:]

    assert named == theirs[: len(named)]


def test_the_installed_moto_is_known() -> None:
    require_known(all_patches())


def test_every_patch_says_what_it_does_and_by_which_page() -> None:
    for patch in all_patches():
        assert patch.sentence.endswith("."), patch
        assert patch.page.startswith("https://docs.aws.amazon.com/") or patch.page == SPEED_ALONE


@pytest.mark.parametrize(
    ("kind", "target", "sentence"),
    [
        (Kind.CORRECTS, "moto.ec2.models:EC2Backend.gone", "moto no longer has"),
        (Kind.CORRECTS, "moto.no_such_module:EC2Backend.gone", "moto no longer has"),
        (Kind.CORRECTS, "moto.ec2.models:EC2Backend.describe_vpcs", "it changed EC2Backend"),
        (Kind.REPLACES, "moto.ec2.models:EC2Backend.describe_vpcs", "local cloud replaces"),
        (Kind.ADDS, "moto.ec2.models:EC2Backend.describe_vpcs", "it has EC2Backend.describe_vpcs"),
    ],
)
def test_a_moto_that_is_not_as_expected_is_refused(kind: Kind, target: str, sentence: str) -> None:
    with pytest.raises(UpstreamChangedError, match=sentence):
        require_known([Patch(kind, target, "It does something.", SPEED_ALONE, "method")])


def test_it_does_not_start_with_a_changed_moto_and_names_every_change() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CHANGED], capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1
    assert "it changed EC2Backend.run_instances, which the local cloud corrects: " in ended.stderr
    assert "moto no longer has moto.ec2.models:EC2Backend.stop_instances" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_patches_are_listed() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "localcloud", "--patches"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

    for patch in all_patches():
        assert f"{patch.kind}  {patch.target}\n    {patch.sentence}\n    {patch.page}\n" in listed
