"""Searches of a queue whose capacity is known, without load, server or clock: each step is judged as a real one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.run import Run
from harness.search import Record, after, first
from reports.rules.evaluate import judge_of
from reports.rules.search import judged_step
from reports.samples.evidence import gather
from tests.support.plans import varied
from tests.support.synthetic_run import EXPECTED, Answer, Answering, synthetic_run

RULES = ("p95(response_time) < 250ms", "ratio(errors) < 1%")


def plan(start: float = 20, to: float = 500, seconds: str = "3s", **more: Any) -> dict[str, Any]:
    """The table of a scenario that searches from `start` to `to`."""
    rules = more.pop("rules", RULES)
    return {"search": {"from": start, "to": to, "for": seconds}, "rules": list(rules), **more}


def queue(rate: float, base: float = 0.004) -> Callable[[], Answering]:
    """Makes a target that does `rate` a second, one after the other, each in `base` s once it is its turn."""

    def made() -> Answering:
        free = 0.0

        def answer(_: int, kind: str, second: float) -> Answer:
            nonlocal free
            free = max(free, second) + 1 / rate
            return Answer(EXPECTED[kind].outcome, EXPECTED[kind].status, free - second + base)

        return answer

    return made


def searched(
    folder: Path, table: Mapping[str, Any], target: Callable[[], Answering], **asked: Any
) -> tuple[Run, Record]:
    """The run of a search that has come to its end, and what was decided in it."""
    scenario = varied("sustained", table={"arrivals": None, **table})
    assert scenario.search is not None
    record, number = first(scenario.search), 0
    while True:
        number += 1
        run = synthetic_run(
            folder / str(number), table={"arrivals": None, **table}, answer=target(), search=record, **asked
        )
        if record.ended:
            return run, record
        evidence = gather(run.folder)
        evidence = replace(evidence, samples=replace(evidence.samples, effects=None))  # the load still goes on
        why = judged_step(evidence, len(record.steps), judge_of(evidence)).broken
        end = record.steps[-1].begin + scenario.search.seconds
        record = after(scenario, record, not why, why, end + 0.4)
