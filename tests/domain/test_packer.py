"""Packer's machine-readable output: recorded of the real program, and whatever else comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BakeFailed, NoCapacity, TransientError
from domain.packer import Build, Line, Stage, ended, parse, variables

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


def said(*lines: str) -> Build:
    """A build of these lines, without their time and target."""
    build = Build()
    for line in lines:
        parsed = parse(f"1795544836,amazon-ebs.image,{line}")
        assert parsed
        build = build.with_line(parsed)
    return build


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


@pytest.mark.parametrize("code", [-9, 128, 137, 143])
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
        "read tcp 10.0.0.1:443: Connection reset by peer",
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


@pytest.mark.parametrize(
    "line", ["", "a warning of a plugin", "one,two", "1795544836,two", "now,,ui,say,Hello"]
)
def test_a_line_of_another_format_is_none(line: str) -> None:
    assert parse(line) is None


def test_a_line_has_its_target_its_kind_and_its_data() -> None:
    line = parse("1795544836,amazon-ebs.image,ui,message,one\\ntwo\\rthree\r\n")

    assert line == Line("amazon-ebs.image", "ui", ("message", "one\ntwo\rthree"))
    assert parse("1795544836,,version") == Line("", "version", ())


@pytest.mark.parametrize(
    ("lines", "stage"),
    [
        (["ui,say,==> one: Launching a source AWS instance..."], Stage.LAUNCHING),
        (["ui,say,==> one: Uploading /recipe => /tmp/recipe"], Stage.COPYING),
        (["ui,say,==> one: Provisioning with shell script: a"], Stage.COPYING),
        (["ui,say,==> one: Provisioning with shell script: a"] * 2, Stage.PULLING),
        (["ui,say,==> one: Stopping the source instance..."], Stage.IMAGING),
        (["ui,say,==> one: Creating AMI a from instance i-1"], Stage.IMAGING),
        (["ui,say,==> one: Creating unencrypted AMI a from instance i-1"], Stage.IMAGING),
        (
            ["ui,say,==> one: Creating AMI a from i-1", "ui,say,==> one: Uploading a log"],
            Stage.IMAGING,
        ),
        # What a script prints is no stage.
        (["ui,message,    one: Creating AMI: not by Packer"], Stage.STARTED),
        (["ui,message,one: Uploading the results"], Stage.STARTED),
        (["error,==> one: Creating AMI"], Stage.STARTED),
    ],
)
def test_packers_own_sentences_are_the_stages(lines: list[str], stage: Stage) -> None:
    assert said(*lines).stage is stage


def test_the_tail_is_what_ran_and_not_what_packer_says() -> None:
    build = said(
        "ui,say,==> one: Provisioning with shell script: a",
        "ui,message,    one: a\\n    one: b",
        "ui,error,==> one: c: d",
        "ui,error,Build 'one' errored after 2 seconds: x",
        "ui,error,\\n==> Some builds didn't complete successfully and had errors:",
        "ui,error,--> one: x",
    )

    last = "==> Some builds didn't complete successfully and had errors:"
    assert build.tail == ("a", "b", "c: d", last)


def test_the_tail_and_the_errors_are_bounded() -> None:
    build = said(
        *(f"ui,message,    one: {number}" for number in range(20)),
        *(f"error,{number}" for number in range(60)),
        f"ui,message,    one: {'x' * 100_000}",
        f"error,{'x' * 100_000}",
    )

    assert build.tail[:-1] == tuple(str(number) for number in range(6, 20))
    assert build.errors[:-1] == tuple(str(number) for number in range(11, 60))
    assert len(build.tail[-1]) < 10_000
    assert len(build.errors[-1]) < 10_000


def test_a_failure_has_each_of_packers_errors_once() -> None:
    with pytest.raises(BakeFailed) as caught:
        ended(said("error,no such type\\n", "error, ", "error,no such type"), 1, REGION, "s3://log")

    assert str(caught.value) == (
        "Packer ended with exit code 1:\n  no such type\n"
        "the whole log is s3://log; the last lines of what ran:\n"
    )


def test_an_image_of_a_build_that_failed_is_not_the_result() -> None:
    build = said("artifact,0,id,eu-west-1:ami-1", "error,a post-processor failed")

    with pytest.raises(BakeFailed, match="a post-processor failed"):
        ended(build, 1, REGION)
    assert ended(build, 0, REGION) == "ami-1"


def test_only_an_artifacts_id_names_images() -> None:
    assert said("artifact,0,builder-id,mitchellh.amazonebs").images == ()


def test_a_teams_variables_override_ours() -> None:
    ours = {"region": REGION, "size": 8, "tags": {"a": "b"}, "subnet": None}

    assert variables(ours, more={"region": "eu-north-1", "own": "x"}) == {
        "region": "eu-north-1",
        "size": "8",
        "own": "x",
    }


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
