"""A request is the bytes that its template says, whatever its shape and whatever stands for its words."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import template
from harness.plan.plans import reference
from systems import messages

WORDS = ("user", "type", "time", "content", "key")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
# A contract with any other word in braces is refused.
PLAIN = TEXTS.filter(lambda text: "{" not in text)
LEAVES = st.one_of(
    PLAIN,
    st.sampled_from([f"a{{{word}}}%b" for word in WORDS] + [f"{{{word}}}" for word in WORDS]),
    st.integers(-(2**53), 2**53),
    st.booleans(),
    st.none(),
)
SHAPES = st.recursive(LEAVES, lambda below: st.lists(below, max_size=3) | st.dictionaries(PLAIN, below, max_size=3))


@given(SHAPES, st.tuples(*[TEXTS] * len(WORDS)))
def test_a_body_of_any_shape_is_the_json_of_it(shape: Any, values: tuple[str, ...]) -> None:
    expected = orjson.dumps(template.filled(shape, dict(zip(WORDS, values, strict=True))))

    assert template.body(shape, WORDS)(tuple(map(template.escaped, values))) == expected


def test_the_default_body_is_what_it_always_was() -> None:
    shape = reference("messages", "contract")["body"]
    for op in range(200):
        values = messages.values("20261120T235501a1b2c3", op, 7, op)
        names = ("userId", "messageType", "scheduledSendTime", "messageContent", "idempotencyKey")
        expected = orjson.dumps(dict(zip(names, values, strict=True)))
        assert template.body(shape, messages.WORDS)(tuple(map(template.escaped, values))) == expected


def test_headers_and_routes_have_words_too() -> None:
    values = (b"U", b"T", b"now", b"C", b"k-1")

    assert template.headers({"X-Key": "{key}", "X-Rate": "5%"}, WORDS)(values) == b"X-Key: k-1\r\nX-Rate: 5%\r\n"
    assert template.headers({"X-Tenant": "acme"}, WORDS)(values) == b"X-Tenant: acme\r\n"


@pytest.mark.parametrize(("shape", "word"), [("{usr}", "usr"), ({"a": ["{user}", {"{b}": 1}]}, "b"), ("{key}", "")])
def test_a_word_that_is_not_known_is_found(shape: Any, word: str) -> None:
    assert template.unknown(shape, WORDS) == word
