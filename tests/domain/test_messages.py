"""An operator's message is never lost over its form."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.requests import Message

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(JSON, max_size=3))
def test_whatever_comes_is_a_message(values: list[Any]) -> None:
    assert isinstance(Message.lenient(*values), Message)


def test_by_and_reason_are_read_and_the_rest_is_kept_as_malformed() -> None:
    assert Message.lenient({"by": "ann", "reason": "go"}) == Message(by="ann", reason="go")
    assert Message.lenient() == Message()
    odd = Message.lenient({"by": "ann", "colour": "red"}, 7)
    assert odd.by == "ann"
    assert "red" in odd.malformed
