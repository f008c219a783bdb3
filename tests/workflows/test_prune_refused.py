"""A prune removes nothing where it is not certain what serves."""

from __future__ import annotations

from domain import names
from domain.errors import REFUSED
from domain.models import State
from tests.workflows.case import Case, failure
from tests.workflows.conftest import MakeCase
from tests.workflows.test_prune_by_itself import FOUR, OLDER, REMOVALS, prune


async def refused(case: Case, words: str) -> None:
    failed = await failure(await prune(case))

    assert failed
    assert failed.type == REFUSED
    assert words in failed.message
    assert not REMOVALS & set(case.world.names())


async def test_nothing_goes_where_two_say_that_they_serve(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)
    case.group("v06").tags[names.STATE] = State.SERVING.value

    await refused(case, "2 groups claim to serve")


async def test_nothing_goes_where_what_gets_the_traffic_has_no_mark(make_case: MakeCase) -> None:
    case = await make_case(parked=OLDER, retention=FOUR)
    del case.group("v1").tags[names.STATE]

    await refused(case, "no deployment is marked as serving")


async def test_nothing_goes_where_nothing_serves(make_case: MakeCase) -> None:
    case = await make_case(blue=None, parked=OLDER, retention=FOUR)

    await refused(case, "is marked as serving, so nothing is pruned")
