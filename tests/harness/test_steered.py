"""What a person changes of a load: the plan from then on, and the arrivals before it as they were."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import steered
from harness.plan import arrivals, reading
from harness.plan.scenario import Scenario, Stage
from harness.run import Run
from reports.samples.phases import arrivals_until, stretches
from tests.support.plans import varied


def planned(*stages: Stage, poisson: bool = False) -> Scenario:
    return replace(varied("sustained"), stages=stages, poisson=poisson)


def test_from_then_on_all_that_offers_arrivals_has_the_rate_but_for_bursts() -> None:
    scenario = planned(
        Stage("warm-up", 2, 10, 10),
        Stage("steady", 4, 10, 30, disturb="kill target", scale={"api": 2}),
        Stage("pause", 1, 0, 0),
        Stage("burst", 0.001, 60_000, 60_000),
        Stage("steady", 3, 30, 30),
    )

    made = steered.followed(scenario, [{"second": 3.0, "rate": 5}]).stages

    assert [(one.phase, one.seconds, one.start_rate, one.end_rate) for one in made] == [
        ("warm-up", 2, 10, 10),
        ("steady", 1, 10, 15),
        ("steady", 3, 5, 5),
        ("pause", 1, 0, 0),
        ("burst", 0.001, 60_000, 60_000),
        ("steady", 3, 5, 5),
    ]
    assert [bool(one.disturb or one.scale) for one in made] == [False, True, False, False, False, False]
    assert steered.most(scenario) == 300


@pytest.mark.parametrize("second", [0.0, 2.0, 3.3, 9.999])
@pytest.mark.parametrize("poisson", [False, True])
def test_what_was_due_before_stays_and_as_many_come_as_are_offered(second: float, poisson: bool) -> None:
    scenario = planned(Stage("warm-up", 2, 20, 20), Stage("steady", 8, 20, 80), poisson=poisson)
    changed = steered.followed(scenario, [{"second": second, "rate": 200}, {"second": second, "rate": 100}])

    (times, kinds), (more, further) = arrivals.planned(scenario, 7), arrivals.planned(changed, 7)

    before = int(np.searchsorted(times, second - 1e-6))
    assert np.allclose(times[:before], more[:before], atol=1e-6, rtol=0)
    assert (kinds[:before] == further[:before]).all()
    assert int(np.searchsorted(more, second - 1e-6)) == before
    offered = arrivals_until(stretches(changed), 10)
    assert offered == pytest.approx(arrivals_until(stretches(scenario), second) + 100 * (10 - second))
    assert len(more) == pytest.approx(offered, abs=1 if not poisson else 6 * offered**0.5)


def test_a_run_is_read_with_the_arrivals_that_were_offered_and_the_users_that_were_planned(tmp_path: Path) -> None:
    run = Run.create(tmp_path, varied("sustained"), seed=1)
    steered.add(run.folder, {"second": 1.5, "users": 7, "spawn": 1})
    assert Run.open(run.folder).scenario == run.scenario

    steered.add(run.folder, {"second": 2.5, "rate": 3.0})
    found = Run.open(run.folder).scenario

    assert found.seconds == pytest.approx(run.scenario.seconds)
    assert found.stages[-1].end_rate == 3
    assert steered.said(steered.read(run.folder)) == "7 users from 1.5 s on, 3.0/s offered from 2.5 s on"
    assert steered.fixed(run.scenario) == ""
    assert steered.fixed(reading.find("worker-scaling", "smoke")) != ""
