"""What is told of a load that goes on is what its journals hold, and in the end what the report says."""

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import monitor
from harness.journal import Journal
from harness.outcomes import Failure, Outcome
from harness.run import Run
from harness.verdict import Verdict
from reports.__main__ import report
from reports.live.counted import MOST_KINDS, OTHER
from reports.live.exposition import exposition
from reports.live.families import families
from reports.live.live import Live
from reports.live.standing import is_judged
from tests.support.plans import varied
from tests.support.synthetic_run import BEGAN, EXPECTED, Answer, bind, synthetic_run

SECOND = 10**9
Told = dict[tuple[str, ...], float]


def told(live: Live, name: str, *labels: str) -> Told:
    """The samples of that name that a scrape gets, by these labels."""
    text = exposition(families(live), live.counted.ends).decode()
    found: Told = {}
    for family in text_string_to_metric_families(text):
        for one in family.samples:
            if one.name == f"proofload_{name}":
                key = tuple(one.labels[label] for label in labels)
                found[key] = found.get(key, 0) + one.value
    return found


def looked(run: Run, second: float = 1000.0) -> Live:
    live = Live(run)
    live.look(BEGAN + round(second * SECOND))
    return live


RULES = [
    "p95(response_time) < 500ms",
    "p95(response_time) < 21ms",
    "p99(response_time{op=process}) < 300ms",
    "p50(service_time) < 15ms",
    "max(response_time) < 350ms",
    "max(response_time) <= 400ms",
    "mean(response_time) < 25ms",
    "ratio(errors) < 1%",
    "ratio(errors) < 5%",
    "count(errors) == 0",
    "count(errors{op=process}) < 100",
    "count(errors) < 2 in 100% of 1s windows",
    "p50(response_time) >= 10ms",
    "rate(errors) < 1/s",
    "rate(requests) >= 11/s",
    "rate(goodput) >= 95% of offered",
    "rate(goodput{op=process}) >= 99% of offered",
    "rate(throughput) >= 50/s",
    "max(resource.target.cpu) < 0.4",
    "max(resource.target.cpu) < 0.6",
    "ratio(dropped) < 1%",
    "p95(end_to_end) < 1s",
    "slope(response_time) < 1ms/min",
    "value(invariant.X1) == 0",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A minute in which some are slow, and one in thirty fails."""

    def answer(place: int, kind: str, _: float) -> Answer:
        expected = EXPECTED[kind]
        if place % 30 == 3 and kind == "process":
            return Answer(Outcome.UNKNOWN, 500)
        return Answer(expected.outcome, expected.status, 0.4 if place % 40 == 5 else 0.02)

    table: dict[str, Any] = {"arrivals": {"smoke": [{"rate": 12, "for": "60s"}]}, "rules": RULES}
    found = synthetic_run(tmp_path_factory.mktemp("runs"), table=table, answer=answer, dropped=3)
    lines = [{"at": BEGAN + n * SECOND, "target.cpu": 0.5 if n == 30 else 0.2, "queue.depth": n} for n in range(61)]
    (found.folder / monitor.FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return bind(found)


def test_a_rule_so_far_is_in_the_end_what_the_report_says(run: Run) -> None:
    reported = {rule["text"]: rule for rule in report(run.folder)["rules"]}
    live = looked(run)
    holds = {rule: value for (rule,), value in told(live, "rule_holds", "rule").items()}
    values = {rule: value for (rule,), value in told(live, "rule_value", "rule").items()}

    judged = {rule.text for rule in run.scenario.rules if is_judged(rule)}
    assert holds.keys() == judged
    assert len(judged) == len(RULES) - 4
    for text, held in holds.items():
        assert held == (reported[text]["state"] == "PASS"), text
        if text in values:
            # Rates are of whole seconds here.
            assert values[text] == pytest.approx(reported[text]["value"], rel=0.03), text
    assert set(holds.values()) == {0, 1}
    assert told(live, "rules", "state")[("pending",)] == 4
    assert told(live, "rules_verdict", "verdict")[(str(Verdict.NO_GO),)] == 1


def test_operations_times_and_arrivals_are_counted_once(run: Run) -> None:
    reported = report(run.folder)
    live = Live(run)
    for second in (1000, 1000, 2000):
        live.look(BEGAN + second * SECOND)
    ended = told(live, "operations_total", "op")
    for row in reported["operations"][:-1]:
        assert ended[(row["kind"],)] == sum(row["outcomes"].values())
    errors = told(live, "operations_total", "expected")
    assert errors[("no",)] == reported["operations"][-1]["errors"] > 0
    count = told(live, "response_seconds_count")[()]
    assert count == reported["totals"]["ended"]
    buckets = told(live, "response_seconds_bucket", "le")
    assert buckets[("+Inf",)] == count
    late = sum(1 for row in range(720) if row % 40 == 5)
    assert count - buckets[("0.35",)] in (late, late + 1)  # a race has two halves
    assert told(live, "offered_total") == {(): 720}
    assert told(live, "begun_total") == {(): 717}
    assert told(live, "dropped_total") == {(): 3}
    assert told(live, "overdue") == {(): 0}
    assert told(live, "load_running") == {(): 0}
    assert told(live, "queue_depth", "queue") == {("all",): 60}
    assert told(live, "resource", "name") == {("target.cpu",): 0.2}
    assert told(live, "users", "process") == {("0",): 50}


def test_a_limit_of_a_rule_is_the_end_of_a_bucket(run: Run) -> None:
    assert {0.021, 0.35} <= set(looked(run).counted.ends)


class Growing:
    """A run whose load goes on."""

    def __init__(self, runs: Path, rules: list[str], kinds: list[str] | None = None) -> None:
        table = {"arrivals": {"smoke": [{"rate": 10, "for": "60s"}]}, "rules": rules}
        self.run = Run.create(runs, varied("sustained", "smoke", table), seed=1)
        header = {"run": self.run.id, "system": "messages", "scenario": "sustained", "worker": 0}
        self.journal = Journal(self.run.folder / "journal-0.bin", {**header, "kinds": kinds or ["process"]})
        self.live = Live(self.run)

    def begin(self, second: float, kind: int = 0) -> int:
        at = BEGAN + round(second * SECOND)
        return self.journal.begin(kind, at, at, 0, 0, 1, None, 0)

    def end(self, number: int, second: float, outcome: Outcome = Outcome.ACK) -> None:
        self.journal.end(number, outcome, 201, Failure.NONE, 1, BEGAN + round(second * SECOND))

    def look(self, second: float) -> Live:
        self.live.look(BEGAN + round(second * SECOND))
        return self.live


def test_before_the_load_nothing_but_the_run_is_told(tmp_path: Path) -> None:
    growing = Growing(tmp_path, ["ratio(errors) < 1%"])
    live = growing.look(-1)
    assert told(live, "run_info", "run") == {(growing.run.id,): 1}
    assert told(live, "load_running") == {(): 0}
    assert told(live, "operations_total") == told(live, "rule_holds") == told(live, "rules_verdict", "verdict") == {}
    assert told(live, "rules", "state")[("pending",)] == 1


def test_what_is_late_in_flight_and_over(tmp_path: Path) -> None:
    growing = Growing(tmp_path, ["rate(goodput) >= 95% of offered", "p95(response_time) < 500ms"])
    growing.journal.amend(began=BEGAN)
    numbers = [growing.begin(n / 10) for n in range(20)]
    for number in numbers[:15]:
        growing.end(number, number / 10 + 0.01)
    live = growing.look(3)
    assert told(live, "load_running") == {(): 1}
    assert told(live, "offered_total") == {(): 30}
    assert told(live, "overdue") == {(): 10}
    assert told(live, "dropped_total") == {(): 0}
    assert told(live, "in_flight") == {(): 5}
    # Of the second second not all has ended: its rate is not told yet, and no miss.
    assert told(live, "rule_value", "rule")[("rate(goodput) >= 95% of offered",)] == 10
    assert told(live, "rules_verdict", "verdict")[("GO",)] == 1

    for number in numbers[15:]:
        growing.end(number, 4.0)
    live = growing.look(4.5)
    assert told(live, "in_flight") == {(): 0}
    holds = told(live, "rule_holds", "rule")
    assert holds[("rate(goodput) >= 95% of offered",)] == 0
    assert holds[("p95(response_time) < 500ms",)] == 0

    growing.run.write("load.json", {"finished": True})
    live = growing.look(4.5)
    assert told(live, "load_running") == {(): 0}
    assert told(live, "dropped_total") == {(): 25}


def test_kinds_without_end_become_one(tmp_path: Path) -> None:
    growing = Growing(tmp_path, ["ratio(errors) < 1%"], [f"k{n}" for n in range(MOST_KINDS + 20)])
    growing.journal.amend(began=BEGAN)
    for n in range(MOST_KINDS + 20):
        growing.end(growing.begin(0.1, n), 0.2)
    ended = told(growing.look(1), "operations_total", "op")
    assert len(ended) == MOST_KINDS + 1
    assert ended[(OTHER,)] == 20


def test_a_label_is_quoted(tmp_path: Path) -> None:
    rule = 'ratio(errors{phase=~"a|steady"}) < 1%'
    growing = Growing(tmp_path, [rule])
    growing.journal.amend(began=BEGAN)
    growing.end(growing.begin(0.1), 0.2)
    assert told(growing.look(1), "rule_holds", "rule") == {(rule,): 1}
