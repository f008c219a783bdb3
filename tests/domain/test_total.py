"""
Every parser of what comes from outside is total: it answers, or refuses with an error of ours.

A person, another program, AWS and a clock send these: messages, requests, tags, the stacks file,
manifests, Packer's output, payloads and failures.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure

from domain import capacity, names, packer, retention, rollback, stacks_file, tags
from domain.bounded import LONGEST_OUTCOME, LONGEST_VALUE, shortened, shown
from domain.calendar import A_YEAR, moment_of, opens_at, parse_window
from domain.errors import InvalidConfiguration, InvalidRequest, OvenbirdError
from domain.manifest import Manifest, differences
from domain.models import Deployment, Group, Image, State
from domain.requests import Message, StackRequest
from domain.status import Bullet, Status, checklist_markdown
from tests.domain import odd
from tests.fuzz import counted, look
from workflows.contract import DATA_CONVERTER, WORKER_CONVERTER
from workflows.parsing import parsed

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
RECORDED = Path(__file__).parent / "recorded"
LINES = [line for path in sorted(RECORDED.iterdir()) for line in path.read_text().splitlines()]
TIMES = odd.text("2026-11-26", "T12:00", "+14:00", "9999-12-31", "0001-01-01", "06:00", "Z")
SIZES = odd.text("1", "12", "abc", "1e3", "٣", "_")
REQUESTS: list[type[StackRequest]] = [*StackRequest.__subclasses__(), StackRequest]


def read_moment(value: str) -> None:
    with contextlib.suppress(ValueError):
        assert moment_of(value, NOW) - NOW <= A_YEAR


def read_window(value: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_window(value)


def open_somewhen(value: tuple[list[str], list[tuple[datetime, datetime]]]) -> None:
    windows = []
    for words in value[0]:
        with contextlib.suppress(ValueError):
            parse_window(words)
            windows.append(words)
    opens = opens_at(NOW, windows, value[1])
    assert opens is None or opens >= NOW


def read_stacks(value: str) -> None:
    with contextlib.suppress(InvalidConfiguration):
        for stack in stacks_file.parse(value).values():
            waits = stack.timeouts.model_dump().values()
            assert NOW + timedelta(seconds=101 * max(waits))


def read_packer(value: list[str]) -> None:
    build = packer.Build()
    for line in value:
        if found := packer.parse(line):
            build = build.with_line(found)
    assert len(build.errors) <= packer.ERRORS
    for code in (0, 1, -9):
        with contextlib.suppress(OvenbirdError):
            packer.ended(build, code, "eu-west-1")


def read_manifest(value: Any) -> None:
    with contextlib.suppress(ValidationError):
        found = Manifest.model_validate(value)
        differences(found, Manifest())


def read_message(value: list[Any]) -> None:
    message = Message.lenient(*value)
    assert len(message.model_dump_json()) < 20_000


def read_request(value: Any) -> None:
    for kind in REQUESTS:
        with contextlib.suppress(InvalidRequest):
            request = parsed(kind, (value,) if isinstance(value, dict) else value)
            assert "\x00" not in request.stack


def read_tags(value: tuple[dict[str, str], dict[str, str], str]) -> None:
    ours, theirs, created_at = value
    deployments = [tagged("one", ours), tagged("two", theirs)]
    images = [Image(id=name, name=name, commit=name, created_at=created_at) for name in "ab"]
    board = rollback.candidates(deployments, images)
    with contextlib.suppress(InvalidRequest):
        rollback.choose("stack", board, None)
    assert len(retention.to_prune(deployments, 1)) <= 1
    days = timedelta(days=14)
    for image in images:
        retention.why_an_image_stays(image, [], [], now=NOW, unreleased=days, shared=days)
    for each in deployments:
        assert capacity.own_minimum(each.group) <= each.group.min
        size = tags.size_tag(each.group.tags, names.RESTORE_MAX)
        assert size is None or 0 <= size < 1_000_000
        names.owner_workflow(each.group.tags.get(names.RELEASE, ""))


def tagged(name: str, found: dict[str, str]) -> Deployment:
    group = Group(name=name, min=2, max=4, desired=0, tags=found)
    served_at = found.get(names.SERVED_AT, "")
    return Deployment(name=name, tag=name, state=State.PARKED, served_at=served_at, group=group)


def make_names(value: str) -> None:
    assert len(names.deployment(value, value, value)) <= names.DEPLOYMENT_LIMIT
    assert len(names.image(value, value, value)) <= names.IMAGE_LIMIT
    assert len(names.tag_value(value)) <= names.TAG_VALUE_LIMIT
    names.resource_label(value, value)
    names.split([value])


def read_payload(value: list[Payload]) -> None:
    for data_converter in (DATA_CONVERTER, WORKER_CONVERTER):
        found = data_converter.payload_converter.from_payloads(value)
        assert len(found) == len(value)
        Message.lenient(*found)
        with contextlib.suppress(InvalidRequest):
            parsed(StackRequest, tuple(found))


def carry_failure(value: Failure) -> None:
    converter, payloads = DATA_CONVERTER.failure_converter, DATA_CONVERTER.payload_converter
    carried = Failure()
    converter.to_failure(converter.from_failure(value, payloads), payloads, carried)
    assert len(carried.message) <= LONGEST_OUTCOME


def show_anything(value: Any) -> None:
    assert len(shown(value)) <= LONGEST_VALUE
    for longest in (0, 10, 60, 500):
        assert len(shortened(str(value), longest)) <= max(longest, 60)


def draw(value: tuple[str, str, str]) -> None:
    bullet = Bullet(text=value[0], note=value[1])
    status = Status(workflow="release", tag=value[2], bullets=(bullet,), notes=value)
    assert checklist_markdown(status)


PAYLOADS = st.lists(
    st.builds(
        lambda encoding, more, data: Payload(metadata={"encoding": encoding} | more, data=data),
        st.binary(max_size=8)
        | st.sampled_from(
            [b"json/plain", b"json/protobuf", b"binary/protobuf", b"binary/null", b"binary/plain"]
        ),
        st.dictionaries(
            st.sampled_from(["messageType", "__temporal_external_storage_reference"]),
            st.binary() | st.sampled_from([b"true", b"temporal.api.common.v1.Payload"]),
        ),
        st.binary() | odd.json_values().map(lambda value: repr(value).encode("utf-8", "replace")),
    ),
    max_size=3,
)
_CAUSES = st.builds(lambda message: Failure(message=message * 2_000), st.text())
FAILURES = st.recursive(
    _CAUSES,
    lambda inner: st.builds(
        lambda message, cause: Failure(message=message, cause=cause), st.text(), inner
    ),
)
TAGS = st.dictionaries(
    st.sampled_from([names.SERVED_AT, names.RESTORE_MIN, names.RESTORE_MAX, names.RELEASE]),
    SIZES | TIMES,
)
AWARE = st.datetimes(timezones=st.timezones())
SEARCHES: dict[str, tuple[Callable[[Any], None], st.SearchStrategy[Any]]] = {
    "moments": (read_moment, TIMES),
    "windows": (read_window, odd.text("Mon", "Fri", "06:00", "24:00", "Mon-Fri 06:00-16:00")),
    "freezes": (
        open_somewhen,
        st.tuples(
            st.lists(odd.text("Mon-Fri 06:00-16:00", "Sat 00:00-00:01"), max_size=2),
            st.lists(st.tuples(AWARE, AWARE), max_size=3),
        ),
    ),
    "stacks files": (read_stacks, odd.stacks_files() | odd.text("[stacks]", "a = ", "[[", "=")),
    "lines of Packer": (
        read_packer,
        st.lists(st.sampled_from(LINES) | odd.text("1,", "ui", "artifact", "id", "error", "say")),
    ),
    "manifests": (read_manifest, odd.json_values()),
    "messages": (read_message, st.lists(odd.json_values(), max_size=3)),
    "requests": (
        read_request,
        st.lists(odd.json_values(), max_size=2).map(tuple)
        | st.dictionaries(
            st.sampled_from(["stack", "tag", "to", "group", "was", "now", "requested_by"]),
            odd.text("v1") | odd.json_values(),
        ),
    ),
    "tags": (read_tags, st.tuples(TAGS, TAGS, TIMES)),
    "names": (make_names, odd.text("arn:aws:elasticloadbalancing:", ":loadbalancer/", "classic/")),
    "payloads": (read_payload, PAYLOADS),
    "failures": (carry_failure, FAILURES),
    "values": (show_anything, odd.json_values() | st.binary()),
    "pictures": (draw, st.tuples(odd.text("[/b]"), odd.text("`"), odd.text("v1"))),
}


@pytest.mark.parametrize("what", SEARCHES)
def test_nothing_but_a_refusal_of_ours_is_raised(what: str) -> None:
    check, values = SEARCHES[what]
    look(counted(what, check), values, few=60, share=0.4 / len(SEARCHES), quick=True)
