"""By how much something grows is judged like any other figure: by its value, and by how sure that is."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.outcomes import Outcome
from harness.plan.grammar import parse
from harness.run import Run
from harness.verdict import RuleState
from reports import figures
from reports.rules.evaluate import evaluate
from reports.rules.result import RuleResult
from reports.samples.evidence import gather
from tests.support.rows import operations
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, Answering, bind, synthetic_run

PASS, UNPROVEN, CONDITIONAL = RuleState.PASS, RuleState.UNPROVEN, RuleState.CONDITIONAL
NO_GO, ERROR = RuleState.NO_GO, RuleState.ERROR

EVEN = [{"rate": 20, "for": "5s", "phase": "warm-up"}, {"rate": 20, "for": "60s"}, {"pause": "20s"}]


def found(runs: Path, text: str, profile: str = "ci", **asked: Any) -> RuleResult:
    table = {"arrivals": {profile: EVEN}, "rules": ["ratio(errors) < 50%"], **asked.pop("table", {})}
    return evaluate(parse(text), gather(synthetic_run(runs, profile=profile, table=table, **asked).folder))


def growing(a_minute: float, noise: float = 0.0, fails: bool = False) -> Answering:
    """Answers that take 100 ms at second 5, and so much longer a minute; with noise of a known course."""
    waves = np.random.default_rng(1).normal(0, noise or 1e-9, 2000)

    def answer(place: int, kind: str, sched: float) -> Answer:
        seconds = 0.1 + a_minute * (sched - 5) / 60 + float(waves[place])
        if fails and place % 3 == 0:
            return Answer(Outcome.UNKNOWN, 500, 5.0)
        return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, max(seconds, 0.001))

    return answer


@pytest.mark.parametrize(
    ("grown", "text", "state"),
    [
        (0.004, "slope(response_time) < 5ms/min", PASS),
        (0.006, "slope(response_time) < 5ms/min", CONDITIONAL),
        (0.008, "slope(response_time) < 5ms/min", NO_GO),
        (-0.01, "slope(response_time) < 5ms/min", PASS),
        (0.006, "slope(service_time) < 300ms/h", CONDITIONAL),
        (0.006, "slope(service_time) > 50us/s", PASS),
        (0.0, "slope(response_time) <= 1us/min", PASS),
        (0.001, "slope(response_time) <= 0ms/min", NO_GO),
    ],
)
def test_a_time_grows_by_so_much_a_minute(tmp_path: Path, grown: float, text: str, state: RuleState) -> None:
    result = found(tmp_path, text, answer=growing(grown))

    assert (result.value, result.n) == (pytest.approx(grown, abs=1e-5), 60)
    assert result.state is state
    assert result.interval == (pytest.approx(grown, abs=2e-4), pytest.approx(grown, abs=2e-4))


def test_it_is_seen_from_the_median_of_each_second(tmp_path: Path) -> None:
    # A third of the operations takes five seconds: the mean would be another, its slope too.
    assert found(tmp_path, "slope(response_time) < 9s/min", answer=growing(0.03, fails=True)).value == pytest.approx(
        0.03, abs=0.001
    )


def test_it_is_that_of_the_operations_that_are_selected(tmp_path: Path) -> None:
    answer = growing(0.03)

    def either(place: int, kind: str, sched: float) -> Answer:
        return answer(place, kind, sched) if kind == "process" else EXPECTED[kind]

    one = found(tmp_path / "one", "slope(response_time{op=process}) < 1s/min", answer=either)
    other = found(tmp_path / "other", "slope(response_time{op=repeat}) < 1s/min", answer=either)

    assert (one.value, other.value) == (pytest.approx(0.03, abs=0.001), pytest.approx(0, abs=1e-9))


@pytest.mark.parametrize(
    ("profile", "noise", "limit", "state", "needs"),
    [
        ("ci", 0.02, 20, PASS, False),
        ("ci", 0.02, 8, UNPROVEN, True),
        ("smoke", 0.02, 8, PASS, False),
        ("ci", 0.002, 8, PASS, False),
    ],
)
def test_what_chance_may_have_grown_is_not_proven(
    tmp_path: Path, profile: str, noise: float, limit: int, state: RuleState, needs: bool
) -> None:
    result = found(tmp_path, f"slope(response_time) < {limit}ms/min", profile, answer=growing(0.004, noise))

    assert result.state is state, result
    assert (result.needs is not None) is needs
    assert result.interval is not None
    assert result.interval[0] < 0.004 < result.interval[1]  # type: ignore[operator]


def test_in_flight_grows_with_what_takes_longer_and_longer(tmp_path: Path) -> None:
    # Twenty a second: twenty more in flight for each second that they take longer.
    result = found(tmp_path, "slope(in_flight{op=process}) < 100/min", answer=growing(0.5))
    mix = gather(next(tmp_path.glob("*/2*"))).samples.scenario.mix

    assert result.value == pytest.approx(20 * 0.5 * mix["process"] / sum(mix.values()), rel=0.05)


@pytest.mark.parametrize(
    ("share", "text", "state"),
    [
        (0.9, "slope(backlog) < 20% of offered", PASS),
        (0.9, "slope(backlog) < 8% of offered", CONDITIONAL),
        (0.8, "slope(backlog) < 10% of offered", NO_GO),
        (0.9, "slope(backlog) < 3/s", PASS),
    ],
)
def test_a_backlog_grows_by_a_share_of_what_is_offered(
    tmp_path: Path, share: float, text: str, state: RuleState
) -> None:
    """Of twenty a second a share is done: what waits grows by the rest."""

    def completing(committed: float) -> float:
        since = max(committed - 5000, 0.0)
        return 5000 + since / share

    result = found(tmp_path, text, completing=completing, answer=growing(0))
    stored = (
        sum(kind in ("process", "race") for kind in operations(gather(next(tmp_path.glob("*/2*"))).samples)["kind"])
        / 65
    )
    grown = 60 * 20 * (1 - share) * stored / 20

    assert result.value == pytest.approx(grown, rel=0.05)
    assert result.state is state, result
    if "offered" in text:
        assert result.limit == pytest.approx(60 * 20 * float(text.split()[2].rstrip("%")) / 100)
        assert "20.0/s were offered" in result.detail


def monitored(runs: Path, grown: float, until: int = 90) -> Run:
    """The run with a target whose memory grows by so much a second."""
    run = synthetic_run(runs, profile="ci", table={"arrivals": {"ci": EVEN}, "rules": ["count(errors) == 0"]})
    lines = [{"at": BEGAN + second * 10**9, "target.rss": 1e8 + grown * second} for second in range(until)]
    run.write_text("monitor.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n")
    return bind(run)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("slope(resource.target.rss) < 7MB/min", PASS),
        ("slope(resource.target.rss) < 5MB/min", CONDITIONAL),
        ("slope(resource.target.rss) < 0.1GB/h", NO_GO),
        ("slope(resource.target.rss{phase=steady}) >= 100kB/s", PASS),
        ("slope(resource.target.rs) < 1B/s", ERROR),
    ],
)
def test_a_resource_grows_by_so_many_bytes_a_minute(tmp_path: Path, text: str, state: RuleState) -> None:
    result = evaluate(parse(text), gather(monitored(tmp_path, 100_000).folder))

    assert result.state is state, result
    assert result.value == (None if state is ERROR else pytest.approx(6e6))


def test_a_tenth_without_anything_has_no_slope(tmp_path: Path) -> None:
    result = evaluate(
        parse("slope(resource.target.rss) < 1MB/min"), gather(monitored(tmp_path / "seen", 1, until=50).folder)
    )
    none = found(tmp_path / "none", "slope(response_time{status=204}) < 1ms/min")

    assert (result.state, none.state) == (ERROR, ERROR)
    assert result.detail == "nothing to measure in a tenth of the 60 s that a slope is to be seen in"


def test_effects_that_were_not_read_have_no_slope(tmp_path: Path) -> None:
    result = found(tmp_path, "slope(backlog) < 1% of offered", with_effects=False)

    assert (result.state, result.detail) == (ERROR, "the effects in the database were not read (no effects.npy)")


def test_a_slope_reads_as_what_it_is_of_by_the_minute(tmp_path: Path) -> None:
    shown = [
        figures.figure(found(tmp_path / str(at), text, answer=growing(0.03)).value, parse(text).kind)
        for at, text in enumerate(["slope(response_time) < 1s/min", "slope(in_flight) < 1000/min"])
    ]

    assert shown[0] == "30 ms/min"
    assert shown[1].endswith("/min")
