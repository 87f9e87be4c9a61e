"""What is told of a load that goes on: each family of figures once, whatever it is told in."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.verdict import RuleState, Verdict
from reports.live.counted import TIMES, Times
from reports.live.live import Live
from reports.live.standing import verdict
from systems import ids

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"
PREFIX = "proofload_"
Labels = dict[str, str]

ASKED_ELSEWHERE = {"metrics."}
"""What the monitor has of the target's own metrics is not told again: Prometheus asks the target itself."""


@dataclass(frozen=True)
class Family:
    """Figures of one name, of a kind, by labels."""

    name: str
    """Without the ending of a counter."""
    kind: str
    said: str
    points: list[tuple[Labels, float]]
    times: list[tuple[Labels, Times]]
    """The points of a histogram, by the buckets of the load."""


def families(live: Live) -> list[Family]:
    """All of them; what is not known (yet) has no points."""
    scenario = live.scenario
    common = {"system": scenario.system, "scenario": scenario.name, "profile": scenario.profile}
    return [
        Family(
            f"{PREFIX}{name}",
            kind,
            said,
            [({**common, **labels}, float(value)) for labels, value in points if value is not None],
            [({**common, **labels}, times) for labels, times in histogram],
        )
        for name, kind, said, points, histogram in [*_load(live), *_operations(live), *_rules(live), *_machine(live)]
    ]


Stated = tuple[str, str, str, list[tuple[Labels, float | None]], list[tuple[Labels, Times]]]


def _one(name: str, kind: str, said: str, value: float | None) -> Stated:
    return name, kind, said, [({}, value)], []


def _load(live: Live) -> Iterator[Stated]:
    begun = live.began is not None
    known = live.run.facts
    about = {"run": live.run.id, "born": ids.born(live.run.id).isoformat(), "commit": _commit(known.get("git"))}
    yield "run_info", GAUGE, "The run whose load this is", [(about, 1)], []
    yield _one("load_running", GAUGE, "Whether load is put on", begun and live.second >= 0 and not live.over)
    yield _one("load_seconds", GAUGE, "The current second of the plan", live.second if begun else None)
    yield _one("load_planned_seconds", GAUGE, "How long the plan is, at most", live.scenario.seconds)
    overdue = live.overdue if begun else None
    yield _one("offered", COUNTER, "Arrivals of the plan so far; none of a closed load", live.offered)
    yield _one("begun", COUNTER, "Arrivals that were begun", live.arrived if begun else None)
    late = None if overdue is None else 0 if live.over else overdue
    yield _one("overdue", GAUGE, "Arrivals that were offered and are not begun; dropped, if not by the end", late)
    lost = None if overdue is None else overdue if live.over else 0
    yield _one("dropped", COUNTER, "Arrivals that were never begun, which is known at the end of the load", lost)
    yield _one("in_flight", GAUGE, "Operations that are begun and have not ended", live.flying if begun else None)


def _operations(live: Live) -> Iterator[Stated]:
    ended = [
        ({"op": kind, "phase": phase, "outcome": outcome, "expected": "yes" if ok else "no"}, float(count))
        for (kind, phase, outcome, ok), count in sorted(live.counted.operations.items())
    ]
    yield "operations", COUNTER, "Operations that have ended, and whether their kind may end so", list(ended), []
    said = {"response": "From when it was planned until its outcome", "service": "From when it was begun"}
    for name in TIMES:
        points = [({"op": op, "phase": phase}, one) for (op, phase), one in sorted(live.counted.times[name].items())]
        yield f"{name}_seconds", HISTOGRAM, said[name], [], points


def _rules(live: Live) -> Iterator[Stated]:
    found = [(standing.rule, stand) for standing, stand in live.stands()]
    known = [(rule, stand) for rule, stand in found if stand is not None]
    labels = {rule.text: {"rule": rule.text, "severity": rule.severity} for rule, _ in found}
    holds = [(labels[rule.text], float(stand.state is RuleState.PASS)) for rule, stand in known]
    yield "rule_holds", GAUGE, "Whether a rule holds so far", list(holds), []
    values = [(labels[rule.text], stand.value) for rule, stand in known]
    yield "rule_value", GAUGE, "What it measures so far, in its base unit; percentiles to within 1 %", values, []
    yield "rule_limit", GAUGE, "Its limit so far", [(labels[rule.text], stand.limit) for rule, stand in known], []
    missed = sum(not held for _, held in holds)
    states = {"holds": len(holds) - missed, "missed": missed, "pending": len(live.scenario.rules) - len(holds)}
    counts: list[tuple[Labels, float | None]] = [({"state": state}, number) for state, number in states.items()]
    yield "rules", GAUGE, "Rules so far; what is pending only the report will say, or nothing has ended yet", counts, []
    so_far = verdict(known) if known else None
    words: list[tuple[Labels, float | None]] = [
        ({"verdict": str(one)}, float(one is so_far)) for one in (Verdict.GO, Verdict.CONDITIONAL, Verdict.NO_GO)
    ]
    said = "Whether the verdict would be this one by the rules so far: nothing is known of validity and data yet"
    yield "rules_verdict", GAUGE, said, words if known else [], []


def _machine(live: Live) -> Iterator[Stated]:
    health = sorted(live.health.items())

    def each(said: str, name: str, of: dict[int, float]) -> Stated:
        return name, GAUGE, said, [({"process": str(worker)}, value) for worker, value in of.items()], []

    yield each("Users of a load process", "users", {worker: line["users"] for worker, line in health})
    yield each("Cores that a load process uses", "generator_cores", {worker: line["cpu"] for worker, line in health})
    lags = {worker: max(line["lags_us"]) / 1e6 for worker, line in health if line["lags_us"]}
    yield each("How late its loop was at most, in the last second", "generator_lag_seconds", lags)
    queues: list[tuple[Labels, float | None]] = []
    resources: list[tuple[Labels, float | None]] = []
    for name, value in live.monitored.items():
        parts = name.split(".")
        if parts[0] == "queue" and parts[-1] == "depth":
            queues.append(({"queue": ".".join(parts[1:-1]) or "all"}, value))
        elif name != "at" and f"{parts[0]}." not in ASKED_ELSEWHERE and isinstance(value, int | float):
            resources.append(({"name": name}, value))
    yield "queue_depth", GAUGE, "How much waits in the target's queues", queues, []
    yield "resource", GAUGE, "What the monitor samples of target, database and machine", resources, []


def _commit(git: object) -> str:
    return str((git if isinstance(git, dict) else {}).get("commit") or "")
