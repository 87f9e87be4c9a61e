"""The schedule of arrivals offers what the plan says, the same for the same seed."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.plan import arrivals
from harness.plan.arrivals import kinds, times
from harness.plan.scenario import Stage
from tests.support.plans import varied
from tests.support.searched import plan

MIX = {"often": 94, "rare": 5, "once": 1}


def test_a_constant_rate_is_evenly_spaced() -> None:
    assert times([Stage("steady", 2.0, 5.0, 5.0, None)]).tolist() == pytest.approx(np.arange(10) / 5 + 0.1)


def test_a_pause_is_empty_and_a_ramp_continues_the_spacing() -> None:
    stages = [Stage("a", 1.0, 10.0, 10.0, None), Stage("pause", 1.0, 0.0, 0.0, None), Stage("b", 2.0, 0.0, 10.0, None)]
    due = times(stages)

    assert len(due) == 20
    assert not ((due > 1) & (due < 2)).any()
    assert (np.diff(np.diff(due[10:])) < 0).all()


STAGES = st.lists(
    st.builds(
        Stage,
        phase=st.just("x"),
        seconds=st.floats(0.1, 20),
        start_rate=st.floats(0, 100),
        end_rate=st.floats(0, 100),
    ),
    max_size=6,
)


@given(STAGES)
def test_there_are_as_many_arrivals_as_the_integral_of_the_rate_and_they_ascend_inside_the_plan(
    stages: list[Stage],
) -> None:
    due = times(stages)

    assert abs(len(due) - sum(s.seconds * (s.start_rate + s.end_rate) / 2 for s in stages)) <= 0.5 + 1e-6
    assert (np.diff(due) >= 0).all()
    assert not len(due) or (due[0] >= 0 and due[-1] <= sum(s.seconds for s in stages) + 1e-9)


@given(st.integers(0, 1000), st.integers(0, 2**32))
def test_every_block_holds_each_kind_as_often_as_its_share(count: int, seed: int) -> None:
    drawn = kinds(MIX, count, seed)

    assert len(drawn) == count
    for block in range(count // 100):
        assert np.bincount(drawn[block * 100 : block * 100 + 100], minlength=3).tolist() == [94, 5, 1]


@given(STAGES, st.integers(0, 2**32))
def test_poisson_arrivals_ascend_inside_the_plan_and_are_those_of_their_seed(stages: list[Stage], seed: int) -> None:
    due = times(stages, seed)
    expected = sum(s.seconds * (s.start_rate + s.end_rate) / 2 for s in stages)

    assert abs(len(due) - expected) <= 6 * expected**0.5 + 12
    assert (np.diff(due) >= 0).all()
    assert not len(due) or (due[0] >= 0 and due[-1] <= sum(s.seconds for s in stages) + 1e-9)
    assert (times(stages, seed) == due).all()


@given(STAGES, st.none() | st.integers(0, 2**32), st.integers(1, 50))
def test_they_are_counted_as_they_are_planned_and_by_whatever_parts(
    stages: list[Stage], seed: int | None, part: int
) -> None:
    whole = times(stages, seed)

    with mock.patch.object(arrivals, "PART", part):
        assert arrivals._count(stages, seed) == len(whole)
        assert times(stages, seed).tolist() == whole.tolist()


@pytest.mark.parametrize("poisson", [False, True])
def test_a_scenario_has_as_many_arrivals_as_are_planned(poisson: bool) -> None:
    scenario = replace(varied("sustained"), poisson=poisson)
    steps = (Stage("step-1", 3.0, 7.0, 7.0), Stage("step-2", 3.0, 11.0, 11.0))
    searching = varied("sustained", table={"arrivals": None, **plan()}).search

    for one in (scenario, replace(scenario, stages=steps, search=searching)):
        assert arrivals.count(one, 7) == len(arrivals.planned(one, 7)[0])


def test_poisson_gaps_are_exponential_with_the_mean_of_the_rate() -> None:
    gaps = np.diff(times([Stage("steady", 1000.0, 50.0, 50.0, None)], 7))

    assert gaps.mean() == pytest.approx(0.02, rel=0.03)
    assert gaps.std() == pytest.approx(0.02, rel=0.03)
    assert (gaps > 0.02).mean() == pytest.approx(np.exp(-1), abs=0.01)


def test_the_same_seed_gives_the_same_kinds_and_another_seed_others() -> None:
    assert (kinds(MIX, 500, 7) == kinds(MIX, 500, 7)).all()
    assert (kinds(MIX, 500, 7) != kinds(MIX, 500, 8)).any()
