"""A load process takes over the steps of a search as they are decided, and drops what is too late for its step."""

import math
import time
from pathlib import Path

import gevent
import numpy as np
import pytest

from harness import search
from harness.load.following import Following
from harness.load.schedule import Schedule
from harness.plan import arrivals
from harness.plan.scenario import Scenario
from harness.run import Run
from harness.search import Record, after, as_json, first
from tests.support.plans import varied
from tests.support.searched import plan


@pytest.fixture
def scenario() -> Scenario:
    return varied("sustained", table={"arrivals": None, **plan(20, 500, "4s")})


def test_it_sees_each_record_once(scenario: Scenario, tmp_path: Path) -> None:
    run = Run.create(tmp_path, scenario, seed=1)
    following = Following(run.folder, scenario)
    assert not following.look()  # there is none yet
    assert scenario.search is not None
    record = first(scenario.search)

    run.write(search.FILE, as_json(record))
    assert following.look()
    assert not following.look()
    assert [stage.phase for stage in following.scenario.stages] == ["warm-up", "step-1"]
    assert not following.over

    run.write(search.FILE, as_json(after(scenario, record, True, (), 5.5)))
    assert following.look()
    assert [stage.phase for stage in following.scenario.stages] == ["warm-up", "step-1", "pause", "step-2"]

    (run.folder / search.FILE).write_text("{")  # never by us
    assert not following.look()
    assert len(following.record.steps) == 2

    run.write(search.FILE, as_json(Record(record.steps, "nothing is left to try", 6.0)))
    assert following.look()
    assert following.over


def test_arrivals_of_a_stage_are_late_a_moment_after_it(scenario: Scenario, tmp_path: Path) -> None:
    run = Run.create(tmp_path, scenario, seed=1)
    assert scenario.search is not None
    run.write(search.FILE, as_json(after(scenario, first(scenario.search), True, (), 5.5)))
    following = Following(run.folder, scenario)
    following.look()

    # warm-up to 1 s, step-1 to 5 s, pause to 6.5 s, step-2 to 10.5 s
    assert [following.late(at) for at in (0.5, 2.0, 2.1, 6.0, 6.1, 7.6, 11.6)] == [0, 0, 1, 1, 2, 3, 4]


@pytest.mark.parametrize("pattern", ["even", "poisson"])
def test_the_arrivals_of_a_step_depend_on_no_other_step(pattern: str) -> None:
    own = varied("sustained", table={"arrivals": None, **plan(20, 500, "4s"), "pattern": pattern})
    assert own.search is not None
    short = search.followed(own, first(own.search))
    record = after(own, first(own.search), True, (), 5.5)
    longer = search.followed(own, record)

    (times, kinds), (more, further) = arrivals.planned(short, 7), arrivals.planned(longer, 7)

    assert (more[: len(times)] == times).all()
    assert (further[: len(kinds)] == kinds).all()
    assert (np.diff(more) > 0).all()
    assert more[len(times)] >= record.steps[1].begin
    assert len(more) - len(times) == pytest.approx(40 * 4, rel=0.3)


def test_a_schedule_goes_on_with_what_comes_later_and_leaves_what_is_dropped() -> None:
    schedule = Schedule([], [], math.inf)
    schedule.began = time.monotonic_ns()
    given: list[int] = []

    def user() -> None:
        while (arrival := schedule.arrival()) is not None:
            given.append(arrival[1])

    def has_been_given(count: int) -> None:
        with gevent.Timeout(60):
            while len(given) < count:
                gevent.sleep(0.001)

    waiting = gevent.spawn(user)
    gevent.sleep(0)
    assert not schedule.over()

    schedule.extend([0, 0], [1, 2])
    has_been_given(2)
    assert given == [1, 2]
    assert not schedule.over()  # more may come

    schedule.extend([0, 1, 2], [3, 4, 5])
    schedule.drop(4)  # before anybody was free for them
    schedule.drop(1)  # nothing comes back
    has_been_given(3)
    assert given == [1, 2, 5]

    schedule.length = 0
    assert schedule.over()
    waiting.kill()
