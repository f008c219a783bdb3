"""The stacks file: every mistake at once, by its place; the documented file is valid."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.config import Timeouts
from domain.errors import InvalidConfiguration, UnknownStack
from domain.stacks_file import parse, pick

ROOT = Path(__file__).parents[2]
GOOD = """
[defaults]
region = "eu-west-1"
application = { name = "shop", repository = "https://github.com/acme/shop" }
network = { vpc = "vpc-1", subnets = ["subnet-1"] }
instance = { type = "t3.micro", security_groups = ["sg-1"] }
bake = { base_image = { id = "ami-1" }, artifacts_bucket = "acme-artifacts" }
load_balancer = { target_groups = ["shop"] }
[stacks.production]
capacity = { min = 2, max = 8 }
[stacks.internal]
capacity = { min = 0, max = 2 }
network = { subnets = ["subnet-2"] }
"""


def mistakes(text: str) -> list[str]:
    with pytest.raises(InvalidConfiguration) as caught:
        parse(text)
    return str(caught.value).splitlines()[1:]


def test_defaults_are_shared_table_by_table() -> None:
    stacks = parse(GOOD)

    assert stacks["internal"].network.vpc == "vpc-1"
    assert stacks["internal"].network.subnets == ("subnet-2",)
    assert stacks["production"].retention.deployments == 5


def test_the_documented_file_is_valid() -> None:
    assert parse((ROOT / "deploy/stacks.toml").read_text())


def test_all_mistakes_of_all_stacks_come_at_once_with_their_place() -> None:
    text = (
        GOOD.replace("max = 8", "max = 1")
        + '[stacks.third]\ncapacity = { min = 1, max = 2 }\nregoin = "x"\nlaunch = "rocket"\n'
    )

    found = mistakes(text)

    assert len(found) == 3
    assert any(
        "stacks.production.capacity: min, desired and max must be in order" in line
        for line in found
    )
    assert any("stacks.third.regoin: unknown key" in line for line in found)
    assert any("stacks.third.launch" in line for line in found)


def test_a_mistake_in_the_defaults_is_said_once() -> None:
    assert mistakes(GOOD.replace('type = "t3.micro"', 'typ = "t3.micro"')) == [
        "  - stacks.production.instance.type: is required",
        "  - defaults.instance.typ: unknown key",
        "  - stacks.internal.instance.type: is required",
    ]


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (GOOD.replace("https://", "https://user:secret@"), "password or token"),
        (GOOD.replace("https://", "https://ghp_secret@"), "password or token"),
        (GOOD.replace('id = "ami-1"', 'id = "ami-1", parameter = "/x"'), "exactly one"),
        (GOOD.replace('id = "ami-1"', 'name = "al2023-*"'), "go together"),
        (GOOD.replace('region = "eu-west-1"', ""), "region: is required"),
        (GOOD + "[other]\n", "unknown table"),
        ("", "at least one"),
    ],
)
def test_what_is_wrong_is_said(broken: str, words: str) -> None:
    assert any(words in line for line in mistakes(broken))


def test_a_secret_in_the_repository_is_refused_without_showing_it() -> None:
    assert "hunter2" not in "\n".join(mistakes(GOOD.replace("https://", "https://user:hunter2@")))


def test_an_unknown_stack_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownStack, match="internal, production"):
        pick(parse(GOOD), "prodution")


def test_timeouts_are_understood_by_their_old_name() -> None:
    old = "[stacks.production.patience]\nsettle = 7\nfirst_look = 3\nsoak = 2\n"
    of_all = "[defaults.timeouts]\ndrain = 9\n"

    timeouts = parse(GOOD + old + of_all)["production"].timeouts

    assert (timeouts.consistency_grace, timeouts.first_poll) == (7, 3)
    assert (timeouts.soak, timeouts.drain) == (2, 9)


@given(st.text(max_size=300))
def test_any_text_that_is_no_stacks_file_is_answered_with_its_mistakes(text: str) -> None:
    with pytest.raises(InvalidConfiguration):
        parse(text)


@given(st.floats(0, 10_000_000), st.floats(0, 600))
def test_no_wait_takes_more_looks_than_a_history_holds(wait: float, poll: float) -> None:
    timeouts = Timeouts(poll=poll)
    every = timeouts.poll_interval(wait)

    assert every >= poll
    assert wait <= 1_001 * every + 1e-9


ABROAD = """
[stacks.abroad]
region = "us-east-1"
capacity = { min = 1, max = 2 }
[stacks.abroad.bake]
made_by = "production"
"""


def test_a_stack_in_another_region_has_its_images_made_by_one_that_copies_them_there() -> None:
    told = {
        GOOD + ABROAD: "stacks.production.bake.copies does not name us-east-1",
        GOOD + ABROAD.replace("production", "prod"): "there is no stack prod",
        GOOD + ABROAD.replace("us-east-1", "eu-west-1"): "share their images as it is",
        GOOD
        + ABROAD.replace(
            "[stacks.abroad.bake]", 'application = { name = "other" }\n[stacks.abroad.bake]'
        ): "is a stack of shop",
    }
    for text, words in told.items():
        (line,) = mistakes(text)
        assert line.startswith("  - stacks.abroad.bake.made_by: ")
        assert words in line
    good = GOOD.replace(
        "capacity = { min = 2, max = 8 }",
        'capacity = { min = 2, max = 8 }\nbake = { copies = [{ region = "us-east-1" }] }',
    )
    assert parse(good + ABROAD)["abroad"].bake.made_by == "production"


def test_copies_and_keys_that_cannot_be_are_refused() -> None:
    def bake(lines: str) -> str:
        return GOOD.replace(
            "[stacks.internal]", f"[stacks.production.bake]\n{lines}\n[stacks.internal]"
        )

    assert "bake.copies names eu-west-1" in mistakes(bake('copies = [{ region = "eu-west-1" }]'))[0]
    assert (
        "copies names a region twice"
        in mistakes(bake('copies = [{ region = "us-east-1" }, { region = "us-east-1" }]'))[0]
    )
    assert (
        "its template says how" in mistakes(bake('builder = "packer"\nkms_key = "alias/mine"'))[0]
    )
    assert "share_with" in mistakes(bake('share_with = ["123"]'))[0]


def test_who_asks_for_approvals_asks_for_verified_images_unless_told_otherwise() -> None:
    approving = GOOD.replace(
        "capacity = { min = 2, max = 8 }", "capacity = { min = 2, max = 8 }\napproval = true"
    )

    assert parse(approving)["production"].verifies
    assert not parse(approving)["internal"].verifies
    assert not parse(
        approving.replace("approval = true", "approval = true\nbake = { verify = false }")
    )["production"].verifies


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('strategy = "classic"', "give balancers, and no target_groups"),
        (
            'strategy = "classic", target_groups = ["shop"], balancers = ["web"]',
            "give balancers, and no target_groups",
        ),
        ('balancers = ["web"]', "balancers are for the strategy classic alone"),
    ],
)
def test_what_green_joins_goes_with_the_strategy(lines: str, words: str) -> None:
    (mistake,) = mistakes(
        GOOD.replace('target_groups = ["shop"]', lines)
        .replace("[stacks.internal]", "[stacks.other]")
        .split("[stacks.other]")[0]
    )

    assert words in mistake


def test_a_classic_balancer_has_no_requests_per_target_to_scale_by() -> None:
    text = GOOD.replace('target_groups = ["shop"]', 'strategy = "classic", balancers = ["web"]')

    assert parse(text)["production"].load_balancer.names == ("classic/web",)
    assert (
        "a classic load balancer has none"
        in mistakes(
            text.replace(
                "[stacks.internal]",
                '[[stacks.production.scaling]]\nmetric = "requests"\ntarget = 100\n'
                "[stacks.internal]",
            )
        )[0]
    )


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        (
            "max = 8 }",
            "max = 8, warm_pool = { min = 3, max_prepared = 2 } }",
            "max_prepared is below min",
        ),
        (
            'type = "t3.micro"',
            'type = "t3.micro", mixed = { types = { "t3.micro" = 1 } }',
            "needs a launch template",
        ),
        ('type = "t3.micro"', 'type = "t3.micro", mixed = { types = {} }', "at least 1 item"),
    ],
)
def test_a_fleet_that_aws_would_not_make_is_refused(was: str, becomes: str, words: str) -> None:
    found = mistakes(
        GOOD.replace(was, becomes).replace(
            "[stacks.internal]", 'launch = "configuration"\n[stacks.internal]'
        )
    )

    assert any(words in line for line in found)
