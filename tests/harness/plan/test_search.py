"""A search converges on what holds, takes a bounded number of steps, and ends whatever the answers are."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan.search import CLOSE, SPARE, Edge, Search, Try, climb, edge, most_steps, next_load

RATES = Search(50, 5000, 20, by_users=False)


def searched(search: Search, holds: Callable[[float, int], bool]) -> list[Try]:
    """The tries of a search whose steps hold as `holds` says of a load and the number of the step."""
    tries: list[Try] = []
    while (load := next_load(search, tries)) is not None:
        tries.append(Try(load, holds(load, len(tries))))
        assert len(tries) <= most_steps(search)
    return tries


def loads(tries: list[Try]) -> list[float]:
    return [one.load for one in tries]


def test_it_doubles_goes_back_halves_the_gap_and_repeats_both_edges() -> None:
    tries = searched(RATES, lambda load, _: load <= 1240)

    assert loads(tries) == [50, 100, 200, 400, 800, 1600, 1130, 1340, 1230, 1280, 1230, 1280]
    assert edge(tries) == Edge(1230, 1280)


@pytest.mark.parametrize(
    ("tries", "expected"),
    [
        ([], 50),
        ([Try(50, True)], 100),
        ([Try(50, True), Try(5000, True)], None),  # all hold: at least so much
        ([Try(50, False)], 50),  # once more, for one answer may be chance
        ([Try(50, False), Try(50, False)], None),
        ([Try(50, False), Try(50, True)], 50),  # the best of three
        ([Try(50, False), Try(50, True), Try(50, True)], 100),
        ([Try(50, True), Try(100, False)], 70.7),
        ([Try(100, True), Try(104, False)], 100),
        ([Try(100, True), Try(104, False), Try(100, True)], 104),
        ([Try(100, True), Try(104, False), Try(100, False)], 100),
        ([Try(50, True), Try(100, True), Try(104, False), Try(100, False), Try(100, False)], 70.7),
        ([Try(100, True), Try(104, False), Try(100, True), Try(104, False)], None),
        ([Try(100, True), Try(104, False), Try(100, True), Try(104, True), Try(104, True)], 208),
    ],
)
def test_the_next_step(tries: list[Try], expected: float | None) -> None:
    assert next_load(RATES, tries) == expected


def test_as_many_answers_of_each_kind_do_not_hold() -> None:
    assert edge([Try(50, True), Try(100, True), Try(100, False)]) == Edge(50, 100)
    assert edge([]) == Edge(None, None)


SEARCHES = st.builds(
    lambda start, ratio, by_users: Search(start, start * ratio, 20, by_users),
    st.integers(1, 500),
    st.integers(2, 1000),
    st.booleans(),
)


@given(SEARCHES, st.floats(0.0, 1.2))
def test_consistent_answers_converge(search: Search, place: float) -> None:
    limit = search.start * (search.to / search.start) ** place * 0.999

    tries = searched(search, lambda load, _: load <= limit)

    held, broken = edge(tries)
    if limit >= search.to:
        assert (held, broken) == (search.to, None)
    elif limit < search.start:
        assert (held, broken, len(tries)) == (None, search.start, 2)
    else:
        assert held is not None
        assert broken is not None
        assert held <= limit < broken
        assert broken / held <= CLOSE or (search.by_users and broken - held == 1)
        assert len(tries) <= most_steps(search) - SPARE


@given(SEARCHES, st.lists(st.booleans(), min_size=64, max_size=64))
def test_it_ends_whatever_the_answers_are(search: Search, answers: list[bool]) -> None:
    tries = searched(search, lambda _, place: answers[place % len(answers)])

    assert all(search.start <= one.load <= search.to for one in tries)


@given(st.integers(0, 30), st.floats(0.1, 0.9))
def test_one_wrong_answer_does_not_mislead_it(wrong: int, place: float) -> None:
    """What chance broke once is tried again, where it would be the edge."""
    limit = 50 * 100**place

    tries = searched(RATES, lambda load, number: load <= limit and number != wrong)

    held, broken = edge(tries)
    assert held is not None
    assert broken is not None
    assert held <= limit < broken * 1.0001
    assert broken / held <= 1.12


def test_the_climb_ends_at_the_top() -> None:
    assert climb(Search(30, 100, 5, by_users=False)) == [30, 60, 100]
    assert climb(Search(1, 8, 5, by_users=True)) == [1, 2, 4, 8]
