"""All users of a stage in step begin at the same instants, wherever they were before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.in_step import InStep
from tests.support.plans import varied

THINK_S = 0.25
INSTANTS = (10.0, 10.25, 10.5)
STAGES = [
    {"users": 5, "for": "10s"},
    {"users": 5, "for": "750ms", "in_step": True, "phase": "burst"},
    {"users": 5, "for": "5s"},
]


@pytest.fixture(scope="module")
def steps() -> InStep:
    table = {"think": "250ms", "stages": {"smoke": STAGES}}
    return InStep(varied("high-throughput", "smoke", table))


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (0.0, None),
        (9.74, None),
        (9.75, 0.25),  # it would go on at the first instant by itself
        (9.99, 0.01),  # not to miss it, it thinks for less
        (10.0, 0.25),
        (10.01, 0.24),
        (10.249, 0.001),
        (10.7, 0.05),  # to the end of the stage, after which it goes on as before
        (10.75, None),
    ],
)
def test_a_user_waits_for_the_next_instant(steps: InStep, at: float, seconds: float | None) -> None:
    assert steps.until_next(at) == (None if seconds is None else pytest.approx(seconds))


@given(st.floats(0, 9.99), st.floats(0.001, 0.2))
def test_a_user_that_answers_in_time_begins_at_each_instant(steps: InStep, at: float, taking: float) -> None:
    begun = []
    while at < 10.75:
        pause = steps.until_next(at)
        at += THINK_S if pause is None else pause
        begun.append(at)
        at += taking

    # It may have been busy at the first one.
    inside = [moment for moment in begun if 9.999999 < moment < 10.749]
    assert inside == pytest.approx(list(INSTANTS[-len(inside) :]))
    assert len(inside) >= len(INSTANTS) - 1


def test_who_takes_longer_than_a_pause_misses_an_instant(steps: InStep) -> None:
    # Begun at 10.0, answered at 10.4: the others had begun again at 10.25.
    assert steps.until_next(10.4) == pytest.approx(0.1)
