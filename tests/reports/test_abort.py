"""A rule with `else abort` ends the load as soon as it is broken beyond doubt, and the verdict follows from it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.journal import Journal
from harness.machines import clocks, reach
from harness.outcomes import Failure, Outcome
from harness.own_metrics import Recorder
from harness.plan import reading
from harness.plan.grammar import parse
from harness.plan.scenario import Scenario
from harness.run import Run
from harness.settings import ROOT
from harness.stack.postgres import Postgres
from harness.stack.variant import Variant
from harness.verdict import CheckState, RuleState
from reports.__main__ import report
from reports.abort import ENOUGH, Watch
from reports.rules.evaluate import evaluate
from reports.samples.evidence import gather
from tests.support.judged import When, judged, kill
from tests.support.pipeline_process import PLAN, all_gone
from tests.support.plans import varied
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, Answering, synthetic_run

SECOND = 10**9
KINDS = ["process", "repeat", "conflict", "stranger", "race"]


class Growing:
    """A run whose load goes on: its journals grow as the test says."""

    def __init__(self, runs: Path, rule: str, stages: Any = None, shifts: Sequence[int] = (0,)) -> None:
        """By `shifts` ns the master's clock is ahead of that of each load process."""
        stages = stages or [{"rate": 100, "for": "60s"}]
        table = {"arrivals": {"smoke": stages}, "rules": [rule]}
        self.run = Run.create(runs, varied("sustained", "smoke", table), seed=1)
        self.journals, self.shifts = [], shifts
        for worker, shift in enumerate(shifts):
            header = {"run": self.run.id, "system": "messages", "scenario": "sustained", "worker": worker}
            path = self.run.folder / f"journal-{worker}.bin"
            self.journals.append(Journal(path, {**header, "kinds": KINDS, "arrivals": 0}))
            self.journals[-1].amend(began=BEGAN - shift, shift=shift)
        self.watch = Watch(self.run)

    def begin(self, second: float, kind: int = 0, worker: int = 0) -> int:
        at = BEGAN + round(second * SECOND) - self.shifts[worker]
        return self.journals[worker].begin(kind, at, at, 0, 0, 1, None, 0)

    def end(self, number: int, second: float, outcome: Outcome = Outcome.ACK, worker: int = 0) -> None:
        at = BEGAN + round(second * SECOND) - self.shifts[worker]
        self.journals[worker].end(number, outcome, 201, Failure.NONE, 1, at)

    def do(self, count: int, at: float, seconds: float = 0.01, bad: bool = False, **where: int) -> None:
        """So many operations, planned at a second, which take so long."""
        outcome = Outcome.UNKNOWN if bad else Outcome.ACK
        for _ in range(count):
            self.end(self.begin(at, **where), at + seconds, outcome, where.get("worker", 0))

    def look(self, second: float) -> dict[str, Any] | None:
        return self.watch.look(BEGAN + round(second * SECOND))


@pytest.mark.parametrize(
    ("rule", "good", "bad", "said"),
    [
        # The share must be too great for it to be by chance, …
        ("ratio(errors) < 1% else abort", 97, 3, "3 of 100 operations were such, allowed are 1 %"),
        ("ratio(errors) < 1% else abort", 98, 2, None),
        # … and of enough operations.
        ("ratio(errors) < 1% else abort", 0, ENOUGH - 1, None),
        ("ratio(errors) < 1% else abort", 0, ENOUGH, "100 of 100 operations were such"),
        ("ratio(errors{outcome=NOT_SENT}) < 1% else abort", 0, 200, None),
        # A count is what it is.
        ("count(errors) == 0 else abort", 0, 1, "1 of 1 operations were such, allowed are 0"),
        ("count(errors) <= 5 else abort", 0, 5, None),
        ("count(errors) <= 5 else abort", 0, 6, "6 of 6 operations were such"),
        ("count(errors) < 5 else abort", 0, 4, None),
        ("count(errors) < 5 else abort", 0, 5, "5 of 5 operations were such"),
        ("max(response_time) < 2s else abort", 50, 1, "1 of 51 operations took longer than 2 s, allowed are 0 %"),
        ("max(response_time) <= 2s else abort", 50, 1, None),
        ("p100(response_time) < 2s else abort", 50, 1, "1 of 51 operations took longer"),
        ("p95(response_time) < 2s else abort", 180, 20, "20 of 200 operations took longer than 2 s, allowed are 5 %"),
        ("p95(response_time) < 2s else abort", 188, 12, None),
        ("p95(response_time) <= 2s else abort", 100, 100, None),
        ("p50(lag) < 2s else abort", 0, 200, None),
        ("p0(response_time) < 2s else abort", 0, 200, None),
    ],
)
def test_what_was_found_so_far_ends_the_load(tmp_path: Path, rule: str, good: int, bad: int, said: str | None) -> None:
    load = Growing(tmp_path, rule)
    load.do(good, 1.0)
    load.do(bad, 1.0, 2.0, bad="errors" in rule)

    found = load.look(5.5)

    if said is None:
        assert found is None
    else:
        assert found is not None
        assert (found["rule"], found["at"]) == (rule, 5.5)
        assert said in found["said"]


@pytest.mark.parametrize(
    ("rule", "good", "bad", "said"),
    [
        ("max(metric.size) < 10 else abort", 50, 1, "1 of 51 values were beyond 10, allowed are 0 %"),
        ("max(metric.size) <= 10 else abort", 50, 1, None),
        ("p95(metric.size) < 10 else abort", 180, 20, "20 of 200 values were beyond 10, allowed are 5 %"),
        ("p95(metric.size) < 10 else abort", 50, 20, None),
        ("ratio(metric.missed) < 1% else abort", 97, 3, "3 of 100 values were such, allowed are 1 %"),
        ("count(metric.missed) < 3 else abort", 0, 3, "3 were counted, allowed are 3"),
        ("count(metric.missed) < 3 else abort", 9, 2, None),
        ("count(metric.lost) == 0 else abort", 0, 1, "2 were counted, allowed are 0"),
        ("max(metric.size) < 10 for 2s else abort", 0, 20, None),
        # Of another kind, or of nobody: the report says so, no load is ended.
        ("max(metric.lost) < 1 else abort", 0, 200, None),
        ("max(metric.none) < 1 else abort", 0, 200, None),
    ],
)
def test_what_users_recorded_ends_the_load(tmp_path: Path, rule: str, good: int, bad: int, said: str | None) -> None:
    load = Growing(tmp_path, rule, shifts=(0, 5))
    recorder = Recorder(load.journals[1].path)
    found = None
    for number in range(good + bad):
        at = BEGAN + SECOND + number
        recorder.record(at, "size", 1 if number < good else 10)
        recorder.record(at, "missed", number >= good)
        recorder.record(at, "lost", count=2 * (number >= good))
        if number in (good, good + bad - 1):
            found = load.look(5.5)

    assert (found or {}).get("said", "").endswith(said or "")
    assert (found is None) == (said is None)


def test_what_users_recorded_for_seconds_ends_the_load(tmp_path: Path) -> None:
    load = Growing(tmp_path, "max(metric.size) < 10 for 2s else abort")
    recorder = Recorder(load.journals[0].path)
    for number in range(40):
        recorder.record(BEGAN + SECOND + number * SECOND // 20, "size", 10)

    assert load.look(2.5) is None
    found = load.look(3.5)
    assert found is not None
    assert "it was missed for 2 s, until second 3" in found["said"]


def test_each_operation_counts_once_when_it_has_ended(tmp_path: Path) -> None:
    load = Growing(tmp_path, "count(errors) <= 3 else abort")
    numbers = [load.begin(1.0) for _ in range(6)]
    assert load.look(1.1) is None
    for number in numbers[1:4]:
        load.end(number, 2.0, Outcome.UNKNOWN)
    assert [load.look(2.1), load.look(2.2)] == [None, None]
    load.end(numbers[5], 3.0)
    assert load.look(3.1) is None

    load.end(numbers[0], 4.0, Outcome.UNKNOWN)

    found = load.look(4.1)
    assert found is not None
    assert found["said"] == "4 of 5 operations were such, allowed are 3"


def test_all_load_processes_count(tmp_path: Path) -> None:
    load = Growing(tmp_path, "count(errors) <= 3 else abort", shifts=(0, 0))
    load.do(2, 1.0, bad=True)
    assert load.look(2.0) is None
    load.do(2, 1.0, bad=True, worker=1)

    assert load.look(3.0) is not None


@pytest.mark.parametrize("shift", [1_000 * SECOND, -2 * SECOND])
def test_a_process_with_another_clock_is_looked_at_on_the_masters(tmp_path: Path, shift: int) -> None:
    load = Growing(tmp_path, "max(response_time) < 2s in 50% of 1s windows else abort", shifts=(0, shift))
    for second in range(40):
        load.do(20, second, 1.0, worker=0)
        load.do(20, second, 3.0, worker=1)
        found = load.look(second + 3.5)
        if found:
            break

    assert found is not None
    # In the windows that are over, those of the other process have ended too.
    assert (found["at"], found["said"]) == (33.5, "31 of its 60 windows missed it, allowed are 30")


def test_a_rule_is_about_what_it_selects_and_not_about_the_warm_up(tmp_path: Path) -> None:
    stages = [{"rate": 100, "for": "5s", "phase": "warm-up"}, {"rate": 100, "for": "60s"}]
    load = Growing(tmp_path, "count(errors{op=repeat}) == 0 else abort", stages)
    load.do(9, 1.0, bad=True, kind=1)
    load.do(9, 9.0, bad=True, kind=0)
    assert load.look(10.0) is None
    load.do(1, 9.0, bad=True, kind=1)

    assert load.look(11.0) is not None


def test_before_there_is_a_load_nothing_is_judged(tmp_path: Path) -> None:
    load = Growing(tmp_path, "count(errors) == 0 else abort")
    path = load.run.folder / "journal-0.bin"
    whole = path.read_bytes()

    path.unlink()
    assert load.look(1.0) is None
    path.write_bytes(b"")
    assert load.look(1.0) is None
    path.write_bytes(whole.replace(b'"began"', b'"later"'))
    assert load.look(1.0) is None


LASTING = "p50(response_time) < 1s for 3s else abort"
MOST = "ratio(errors) < 50% in 95% of 1s windows else abort"


@pytest.mark.parametrize(
    ("rule", "missed", "few", "at", "said"),
    [
        (LASTING, [4, 5], [], 9.0, None),
        (LASTING, [4, 5, 7, 8], [], 9.0, None),
        (LASTING, [4, 5, 6], [], 9.0, "it was missed for 3 s, until second 7"),
        (LASTING, [4, 5, 6], [], 6.9, None),  # the last of them is not over
        (LASTING, [4, 5, 6], [5], 9.0, None),  # too few to be judged
        # Of sixty windows three may miss it.
        (MOST, [4, 9, 20], [], 30.0, None),
        (MOST, [4, 9, 20, 25], [], 30.0, "4 of its 60 windows missed it, allowed are 3"),
        (MOST, [4, 9, 20, 25], [20], 30.0, None),
    ],
)
def test_windows_end_the_load_when_they_are_over(
    tmp_path: Path, rule: str, missed: list[int], few: list[int], at: float, said: str | None
) -> None:
    load = Growing(tmp_path, rule)
    for second in range(int(at) + 1):
        slow, count = second in missed, 9 if second in few else 10
        load.do(count, second + 0.1, 1.5 if slow else 0.01, bad=slow)

    found = load.look(at)

    assert (found and found["said"]) == said


def test_a_window_is_judged_when_all_of_it_is_here_from_machines_elsewhere(tmp_path: Path) -> None:
    """What comes late of another machine would make up for what is here: a window without it says nothing."""
    load = Growing(tmp_path, "ratio(errors) < 50% for 1s else abort")
    load.run.record(machines=[{"number": 1}])
    load.watch = Watch(load.run)
    trips = [[at, at, at] for at in range(BEGAN, BEGAN + 12 * SECOND, SECOND)]
    (load.run.folder / clocks.name(1)).write_text("".join(json.dumps(one) + "\n" for one in trips))
    load.do(20, 2.6, bad=True)

    assert load.look(9.0) is None
    (load.run.folder / reach.name(1)).write_text(f"{BEGAN + round(2.9 * SECOND)}\n")
    assert load.look(9.0) is None
    (load.run.folder / reach.name(1)).write_text(f"{BEGAN + round(3.1 * SECOND)}\n")
    assert load.look(9.0) is not None


def test_a_window_is_judged_when_all_that_was_planned_in_it_has_ended(tmp_path: Path) -> None:
    load = Growing(tmp_path, "ratio(errors) < 50% for 1s else abort")
    waiting = [load.begin(2.5) for _ in range(30)]
    load.do(20, 2.6, bad=True)
    assert load.look(9.0) is None
    for number in waiting[:-1]:
        load.end(number, 9.5)
    assert load.look(10.0) is None

    load.end(waiting[-1], 10.5)
    assert load.look(11.0) is None  # 20 of 50 are 40 %

    load.do(20, 3.5, bad=True)
    assert load.look(12.0) is not None


@given(st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_however_often_is_looked_the_same_is_found(tmp_path: Path, data: st.DataObject) -> None:
    rule = "ratio(errors) < 20% for 2s else abort"
    operations = data.draw(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=150))
    looks = data.draw(st.sets(st.integers(0, len(operations))))
    often, once = Growing(tmp_path, rule), Growing(tmp_path, rule)

    for place, (second, bad) in enumerate(sorted(operations)):
        if place in looks:
            # Nothing is over yet: only counted.
            assert often.look(0.0) is None
        for load in (often, once):
            load.do(1, second + 0.5, bad=bad)

    assert often.look(60.0) == once.look(60.0)


def failing(*seconds: int) -> Answering:
    return lambda p, kind, s: Answer(Outcome.UNKNOWN, 500) if int(s) in seconds else EXPECTED[kind]


@pytest.mark.parametrize("answer", [failing(), failing(3), failing(3, 4), failing(3, 4, 5), failing(0, 2, 4, 6, 8)])
@pytest.mark.parametrize(
    "rule",
    [
        "ratio(errors) < 10% for 3s",
        "ratio(errors) < 10% in 80% of 1s windows",
        "count(errors) <= 20",
        "count(errors) < 1 in 90% of 3s windows",
        "max(service_time) < 1s",
        "p95(service_time) < 10ms for 2s",
    ],
)
def test_at_the_end_of_a_load_it_says_what_the_report_will_say(tmp_path: Path, rule: str, answer: Answering) -> None:
    run = synthetic_run(tmp_path, table={"rules": [f"{rule} else abort"]}, answer=answer)

    ended = Watch(run).look(BEGAN + 100 * SECOND)

    judged = evaluate(parse(rule), gather(run.folder))
    assert (ended is not None) is (judged.state is not RuleState.PASS)


def test_a_run_that_a_rule_ended_is_reported_as_far_as_it_came(tmp_path: Path) -> None:
    aborted = {"rule": "ratio(errors) < 1% else abort", "at": 7.0, "said": "30 of 80 operations were such"}
    run = synthetic_run(
        tmp_path,
        table={"rules": ["ratio(errors) < 1% else abort", "rate(goodput) >= 50% of offered"]},
        answer=failing(4, 5, 6),
        dropped=96,
        load={"finished": False, "ended_by": "SIGINT"},
        facts={"aborted": aborted},
    )

    verdict = report(run.folder)

    assert (verdict["verdict"], verdict["run"]["aborted"]) == ("NO-GO", aborted)
    assert verdict["reason"] == f"Rule {aborted['rule']} ended the load after 7 s: {aborted['said']}."
    assert [rule["state"] for rule in verdict["rules"]] == ["NO-GO", "PASS"]
    # Four of seven seconds, not of fifteen.
    assert verdict["rules"][1]["value"] == pytest.approx(4 / 7 * 12, rel=0.02)
    assert [one["id"] for one in verdict["validity"] if one["state"] == "broken"] == []
    assert verdict["phases"][0]["offered"] == 84


OWN = PLAN.replace(
    """rules = [
    "p95(response_time) < 30s",
    "ratio(errors) < 1%",""",
    """rules = [
    "p95(response_time) < 30s",
    "ratio(errors) < 1% else abort",""",
    1,
)


def aborting(folder: Path) -> Scenario:
    """Ten minutes of load, which errors end."""
    path = folder / "plan.toml"
    path.write_text(OWN)
    return reading.find("short", "full", path)


def test_errors_end_ten_minutes_of_load_in_order(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, aborting(tmp_path), Variant("fail_after_commit"))
    facts, verdict = found.run.facts, found.verdict

    assert verdict["exit_code"] == 1
    assert facts["aborted"]["rule"] == "ratio(errors) < 1% else abort"
    assert facts["interrupted"] is None
    assert verdict["reason"].startswith("Rule ratio(errors) < 1% else abort ended the load after ")
    assert found.checks(CheckState.VIOLATED) == set()
    assert [one["id"] for one in verdict["validity"] if one["state"] == "broken"] == []
    assert found.run.read("load.json")["requests"] == verdict["totals"]["operations"] > ENOUGH


def test_without_anybody_who_looks_on_the_load_does_not_go_on(cluster: Postgres, tmp_path: Path) -> None:
    killed = When(20, kill("reports.abort"))
    found = judged(cluster, tmp_path, aborting(tmp_path), Variant(), meanwhile=killed)

    assert found.verdict["exit_code"] == 3
    assert "the abort watcher exited unexpectedly during the load" in found.verdict["reason"]
    assert all_gone(killed.of)


def test_the_watcher_records_what_it_found_and_ends(tmp_path: Path) -> None:
    load = Growing(tmp_path, "count(errors) == 0 else abort")
    load.do(1, 1.0, bad=True)

    command = [sys.executable, "-m", "reports.abort", str(load.run.folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert load.run.read("abort.json")["said"] == "1 of 1 operations were such, allowed are 0"
