"""Rules evaluated on a synthetic run."""

from pathlib import Path
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from harness.plan.grammar import parse
from harness.run import Run
from harness.verdict import RuleState
from reports.rules.evaluate import evaluate
from reports.rules.result import RuleResult
from reports.samples.evidence import gather
from tests.support import rows
from tests.support.synthetic_run import synthetic_run

PASS, UNPROVEN, CONDITIONAL = RuleState.PASS, RuleState.UNPROVEN, RuleState.CONDITIONAL


NO_GO, ERROR = RuleState.NO_GO, RuleState.ERROR


def found(runs: Path, text: str, **asked: Any) -> RuleResult:
    """What the rule says of a run as asked for, whose plan has another one."""
    table = {"rules": ["count(errors) == 0"], **asked.pop("table", {})}
    run = synthetic_run(runs, table=table, **asked)
    return evaluate(parse(text), gather(run.folder))


def steady(*phases: tuple[str, int, str, int | None]) -> dict[str, Any]:
    """A plan of (phase, rate, for, workers)."""
    stages = [
        {"rate": rate, "for": seconds, "phase": phase, **({"scale": {"deliver": workers}} if workers else {})}
        for phase, rate, seconds, workers in phases
    ]
    return {"arrivals": {"smoke": stages}}


POSITIVE = st.floats(1e-6, 1e6)


def effects_of(run: Run) -> pd.DataFrame:
    return rows.effects(gather(run.folder).samples)


def scaling(rates: tuple[int, int]) -> dict[str, Any]:
    stages = [
        {"rate": rates[0], "for": "5s", "phase": "one"},
        {"pause": "1s", "scale": {"deliver": 4}},
        {"rate": rates[1], "for": "5s", "phase": "four"},
        {"pause": "1s"},
    ]
    return {"arrivals": {"smoke": stages}, "service": {"deliver": {"processes": 1}}}
