"""The pool feeds what a plan can ask of it, and puts a correct target where the document expects its conflicts."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import PlanError
from systems import authorizations as facts
from systems.authorizations import BLOCKS, DOCUMENTED, HOT, MOVES, SPREAD_FIRST, UNITS, Pool
from tests.support.plans import varied


def test_the_document_names_55_authorizations_of_three_sizes_in_three_organizations() -> None:
    assert DOCUMENTED == 55
    assert Counter(map(facts.total_units, range(1, 56))) == {50: 10, 200: 20, 1000: 25}
    assert Counter(map(facts.organization_of, range(1, 56))) == {1: 30, 2: 15, 3: 10}
    assert [facts.total_units(n) for n in HOT] == [50] * 10


def test_ten_practitioners_work_in_three_organizations() -> None:
    assert [list(facts.practitioners(n)) for n in (1, 2, 3)] == [[1, 2, 3, 4], [5, 6, 7], [8, 9, 10]]
    assert [facts.employer(n) for n in range(1, 11)] == [1, 1, 1, 1, 2, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("number", [0, -1, 56, 1000])
def test_a_number_between_the_pools_is_no_authorization(number: int) -> None:
    for ask in (facts.total_units, facts.organization_of):
        with pytest.raises(ValueError, match="there is no authorization"):
            ask(number)


def test_every_authorization_is_seeded_within_its_units_for_a_patient_of_its_organization() -> None:
    patients = {1: range(1, 11), 2: range(11, 16), 3: range(16, 21)}
    for one in Pool(spread=200, hot_used=30, hot_scheduled=20):
        assert one.used + one.scheduled <= one.total
        assert one.patient in patients[one.organization]
        assert (one.used, one.scheduled) == ((30, 20) if one.number in HOT else (0, one.total // 2))


@pytest.mark.parametrize("operations", [1, 1_000, 60_000, 240_000])
def test_a_pool_has_twice_the_units_that_can_be_reserved(operations: int) -> None:
    pool = facts.Pool(**facts.pool({}, operations, rounds=False))
    free = sum(one.total - one.used - one.scheduled for one in pool if one.number >= SPREAD_FIRST)

    assert free >= 2 * operations * UNITS["reserve"]
    assert pool.spread >= facts.SPREAD_LEAST


@pytest.mark.parametrize("operations", [math.inf, 1e9])
def test_what_no_pool_can_feed_is_refused(operations: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        facts.Pool(**facts.pool({}, operations, rounds=False))


def test_rounds_begin_with_all_units_free() -> None:
    pool = facts.Pool(**facts.pool({}, 10_000, rounds=True))
    assert (pool.hot_used, pool.hot_scheduled) == (0, 0)


@pytest.mark.parametrize("operations", [1_600, 6_100, 60_100])
@pytest.mark.parametrize("pace", [0.8, 1.0])
def test_a_correct_target_conflicts_in_10_to_20_percent(operations: int, pace: float) -> None:
    """Played through by other code than that which chose the units, with users that choose at random."""
    pool = facts.Pool(**facts.pool({}, operations, rounds=False))
    free = {n: BLOCKS[0][0] - pool.hot_used - pool.hot_scheduled for n in HOT}
    scheduled = dict.fromkeys(HOT, pool.hot_scheduled)
    draw, conflicts, done = random.Random(7), 0, round(operations * pace)
    for kind in draw.choices(list(facts.MIX), facts.MIX.values(), k=done):
        if kind not in MOVES or draw.random() >= facts.HOT_SHARE:
            continue
        n, units = draw.choice(HOT), UNITS[kind]
        from_free, to_scheduled = {"reserve": (units, units), "release": (-units, -units), "consume": (0, -units)}[kind]
        if free[n] < from_free or scheduled[n] + to_scheduled < 0:
            conflicts += 1
        else:
            free[n] -= from_free
            scheduled[n] += to_scheduled
    assert 0.10 < conflicts / done < 0.20


@given(st.integers(1, 2**24 - 1), st.integers(1, 255), st.integers(1, 2**16 - 1), st.sampled_from(MOVES))
def test_a_subject_is_read_back_as_it_was_written(number: int, practitioner: int, units: int, move: str) -> None:
    subject = facts.subject(number, practitioner, units, move)
    assert facts.about(subject) == (number, practitioner, units, move)
    assert 0 <= subject < 2**63


@given(st.integers(-5, 2**21), st.integers(-5, 2**21), st.integers(-5, 2**22), st.booleans(), st.booleans())
def test_a_state_that_does_not_fit_is_called_unbalanced(
    used: int, scheduled: int, version: int, unbalanced: bool, another: bool
) -> None:
    state = facts.state(used, scheduled, version, unbalanced, another)
    fits = 0 <= used < 2**20 and 0 <= scheduled < 2**20 and 0 <= version < 2**21
    assert 0 <= state < 2**63
    assert (state >> 62 & 1, state >> 61 & 1) == (another, unbalanced or not fits)
    if fits:
        assert (state & 0xFFFFF, state >> 20 & 0xFFFFF, state >> 40 & 0x1FFFFF) == (used, scheduled, version)


def test_all_but_the_hot_ones_are_drawn_as_often_as_they_have_units() -> None:
    spread = 100
    slots = 20 + 5 * (25 + spread)
    found = Counter(facts.drawn(slot / slots + 1e-9, spread) for slot in range(slots))

    expected = {n: facts.total_units(n) // 200 for n in (*range(11, 56), *range(SPREAD_FIRST, SPREAD_FIRST + spread))}
    assert found == expected
    assert facts.drawn(1 - 2**-53, spread) == SPREAD_FIRST + spread - 1


@pytest.mark.parametrize("hot", [1, 3, 10])
def test_a_plan_says_how_many_are_hot(hot: int) -> None:
    scenario = varied("mixed", table={"pool": {"hot_authorizations": hot}})
    pool = Pool(**scenario.pool)

    assert list(pool.hot) == list(HOT[:hot])
    assert f"of each of the {hot} hot ones" in pool.describe()[0]
    states = {one.number: (one.used, one.scheduled) for one in pool if one.number in HOT}
    assert {states[number] for number in HOT[:hot]} == {(pool.hot_used, pool.hot_scheduled)}
    assert {states[number] for number in HOT[hot:]} <= {(0, 25)}
    assert not {pool.drawn(chance / 100, spread=False) for chance in range(100)} & set(HOT)


def test_more_than_ten_hot_ones_are_refused() -> None:
    with pytest.raises(PlanError, match="hot_authorizations = 11: expected 1 to 10"):
        varied("mixed", table={"pool": {"hot_authorizations": 11}})
