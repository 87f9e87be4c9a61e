"""Tokens with gaps are compared and merged as sets of what was read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from target.event_store.tokens import Token

TOP = 12


@st.composite
def tokens(draw: st.DrawFn) -> Token:
    position = draw(st.integers(1, TOP))
    gaps = draw(st.sets(st.integers(1, position - 1))) if position > 1 else set()
    return Token(position, frozenset(gaps))


def read(token: Token) -> set[int]:
    return set(range(1, token.position + 1)) - token.gaps


@given(tokens(), tokens())
def test_a_token_covers_another_if_it_has_read_all_that_it_has(one: Token, other: Token) -> None:
    assert one.covers(other) == (read(other) <= read(one))


@given(tokens(), tokens())
def test_the_lower_bound_has_read_what_both_have_and_the_upper_what_one_has(one: Token, other: Token) -> None:
    assert read(one.lower_bound(other)) == read(one) & read(other)
    assert read(one.upper_bound(other)) == read(one) | read(other)
    assert one.upper_bound(other).covers(one)
    assert one.covers(one.lower_bound(other))


@given(st.permutations(range(1, TOP)))
def test_numbers_may_come_in_any_order(numbers: list[int]) -> None:
    token = Token(0)
    for count, number in enumerate(numbers, 1):
        token = token.advanced(number)
        assert read(token) == set(numbers[:count])

    assert token == Token(TOP - 1)


def test_a_number_is_read_once_and_a_gap_is_given_up_far_below() -> None:
    with pytest.raises(ValueError, match="was read before"):
        Token(5, frozenset({3})).advanced(4)

    assert Token(5, frozenset({3})).advanced(13, most=10) == Token(13, frozenset(range(6, 13)))
