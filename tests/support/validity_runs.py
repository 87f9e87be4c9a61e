"""Runs with one thing wrong, and the conditions of validity that they break."""

import json
from typing import Any

from harness.run import Run
from reports.rules.evaluate import evaluate
from reports.samples.evidence import gather
from reports.validity.conditions import validity
from reports.validity.result import ValidityResult
from reports.validity.steady import steady
from tests.support.synthetic_run import BEGAN, bind


def conditions(run: Run) -> dict[str, ValidityResult]:
    evidence = gather(run.folder)
    rules = [evaluate(rule, evidence) for rule in evidence.samples.scenario.rules]
    return {one.id: one for one in validity(evidence, rules, steady(evidence.samples))}


def broken(run: Run) -> list[str]:
    return [one.id for one in conditions(run).values() if one.state == "broken"]


def monitored(run: Run, **values: Any) -> Run:
    """The run with a monitor that saw these values, a function of the second each."""
    seconds = range(round(run.scenario.seconds))
    lines = [
        {"at": BEGAN + second * 10**9, **{name.replace("__", "."): value(second) for name, value in values.items()}}
        for second in seconds
    ]
    run.write_text("monitor.jsonl", "\n".join(json.dumps(line) for line in lines) + "\n")
    return bind(run)


CROWDED: dict[str, Any] = {
    "machine__canary": lambda s: 0.001,
    "machine__cores": lambda s: 2,
    "machine__busy": lambda s: 2.0,
    "run__cpu": lambda s: 0.3,
}
"""Six busy loops beside the run on two cores, all the time: the canary, the quickest of some tries, misses them."""
