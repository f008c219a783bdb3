"""Packer's machine-readable output: recorded of the real program, and whatever else comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BakeFailed, NoCapacity, TransientError
from domain.packer import Build, Line, Stage, ended, parse

RECORDED = Path(__file__).parent / "recorded"
REGION = "eu-west-1"


def read(name: str) -> tuple[Build, list[Stage]]:
    """What all of it says, and the stages in the order in which they were reached."""
    build, stages = Build(), [Stage.STARTED]
    for line in (RECORDED / name).read_text().splitlines():
        parsed = parse(line)
        build = build.with_line(parsed) if parsed else build
        if build.stage is not stages[-1]:
            stages.append(build.stage)
    return build, stages


def failed(*errors: str) -> Build:
    return Build(errors=errors)


def test_a_build_that_made_an_image() -> None:
    build, stages = read("packer-1.6.6-made.txt")

    assert ended(build, 0, REGION).startswith("ami-")
    # Its one script copies and pulls: the first provisioner is the copy, imaging ticks the rest.
    assert stages == [Stage.STARTED, Stage.LAUNCHING, Stage.COPYING, Stage.IMAGING]


def test_a_build_whose_script_failed_says_so_in_packers_own_words() -> None:
    build, _ = read("packer-1.6.6-failed.txt")

    with pytest.raises(
        BakeFailed,
        match=r"Script exited with non-zero exit status: 7"
        r"[\s\S]*s3://log[\s\S]*\n  no such compiler",
    ):
        ended(build, 1, REGION, "s3://log")


@pytest.mark.parametrize("code", [-9, 137, 143])
def test_one_that_was_killed_is_run_again(code: int) -> None:
    with pytest.raises(TransientError):
        ended(failed("Script exited with non-zero exit status: 7"), code, REGION)


@pytest.mark.parametrize(
    "words",
    [
        "InvalidKeyPair.Duplicate: The keypair 'ovenbird-bake-shop-1' already exists.",
        "RequestError: send request failed\ncaused by: Post http://127.0.0.1/: EOF",
        (
            "Error stopping instance: RequestLimitExceeded: Request limit exceeded. "
            "status code: 503, request id: x"
        ),
    ],
)
def test_what_passes_is_no_verdict(words: str) -> None:
    with pytest.raises(TransientError):
        ended(failed(words), 1, REGION)


def test_no_capacity_is_a_verdict_about_the_subnet() -> None:
    with pytest.raises(NoCapacity):
        ended(
            failed(
                "Error launching source instance: InsufficientInstanceCapacity: "
                "We currently do not have"
            ),
            1,
            REGION,
        )


def test_an_image_elsewhere_is_not_the_one_that_was_asked_for() -> None:
    build = Build().with_line(
        Line("amazon-ebs.image", "artifact", ("0", "id", "us-east-1:ami-1,eu-west-1:ami-2"))
    )

    assert ended(build, 0, REGION) == "ami-2"
    with pytest.raises(BakeFailed, match="no image in eu-north-1"):
        ended(build, 0, "eu-north-1")


@given(st.text())
def test_whatever_is_printed_is_read(text: str) -> None:
    line = parse(text)

    assert line is None or Build().with_line(line).stage >= Stage.STARTED


@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF, exclude_characters="\\")))
def test_commas_come_back_as_they_were(text: str) -> None:
    line = parse(f"1795544836,,ui,say,{text.replace(',', '%!(PACKER_COMMA)')}")

    assert line
    assert line.text == text


@given(st.lists(st.sampled_from((RECORDED / "packer-1.6.6-made.txt").read_text().splitlines())))
def test_no_line_takes_a_build_back(lines: list[str]) -> None:
    build = Build()
    for line in lines:
        parsed = parse(line)
        assert parsed
        after = build.with_line(parsed)
        assert after.stage >= build.stage
        build = after
