"""A run that claims to have disturbed its target is INVALID unless it did: each disturbance, in its stage."""

from pathlib import Path
from typing import Any

import pytest

from harness.verdict import ValidityState
from reports.__main__ import report
from reports.render.terminal import Room, block
from tests.reports.test_schema_of_verdict import VALIDATOR
from tests.support.synthetic_run import synthetic_run
from tests.support.validity_runs import conditions, monitored

STAGES = [
    {"rate": 20, "for": "5s", "phase": "before"},
    {"rate": 20, "for": "5s", "phase": "killed", "disturb": "kill target"},
    {"rate": 20, "for": "5s", "phase": "late", "disturb": "delay 20ms"},
    {"rate": 20, "for": "5s", "phase": "after"},
]
TABLE = {"arrivals": {"smoke": STAGES}, "rules": ["ratio(errors) < 1%"]}
KILL = {
    "disturb": "kill target",
    "phase": "killed",
    "planned": 5.2,
    "began": 5.3,
    "done": 7.0,
    "ended": None,
    "said": "3 processes killed and started again",
    "count": 3,
    "failed": "",
    "exit_code": None,
}
DELAY = {**KILL, "disturb": "delay 20ms", "phase": "late", "planned": 10.2, "began": 10.2, "done": 10.2, "ended": 15.1}


def made(*lines: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return {"disturbances": list(lines), **facts}


@pytest.mark.parametrize(
    ("facts", "value"),
    [
        (made(KILL, DELAY), None),
        (made(DELAY, KILL), None),
        ({}, "kill target of killed was never made; delay 20ms of late was never made"),
        (made(KILL), "delay 20ms of late was never made"),
        (made({**KILL, "planned": 4.2}, DELAY), "kill target of killed was never made"),
        (made({**KILL, "done": None}, DELAY), "kill target of killed was never done"),
        (made({**KILL, "failed": "no such process", "done": None}, DELAY), "kill target of killed failed: no such pro"),
        (made({**KILL, "count": 0, "said": "0 processes"}, DELAY), "kill target of killed came to nothing: 0 process"),
        (made({**KILL, "count": None}, DELAY), None),
        (made({**KILL, "done": 10.5}, DELAY), "kill target of killed was done 500 ms after its stage ended"),
        # What ended the load is the cause, not that it did not come to the rest.
        (made(KILL, interrupted="SIGINT during the load"), None),
        (
            made({**KILL, "failed": "no"}, interrupted="kill target failed during the load"),
            "kill target of killed fail",
        ),
    ],
)
def test_each_is_made_in_its_stage(tmp_path: Path, facts: dict[str, Any], value: str | None) -> None:
    found = conditions(synthetic_run(tmp_path, table=TABLE, facts=facts))["DISTURBED"]

    assert found.state is (ValidityState.OK if value is None else ValidityState.BROKEN)
    assert value is None or value in found.value


@pytest.mark.parametrize(("cpu", "state"), [(0.7, ValidityState.OK), (0.95, ValidityState.BROKEN)])
def test_a_proxy_that_holds_the_load_up_makes_its_figures_invalid(
    tmp_path: Path, cpu: float, state: ValidityState
) -> None:
    run = synthetic_run(tmp_path, table=TABLE, facts=made(KILL, DELAY))
    # For six of its seconds; for one it may be busier.
    busy = monitored(run, proxy__cpu=lambda s: cpu if 6 <= s < 12 else float(s == 3), proxy__processes=lambda s: 1)
    found = conditions(busy)["DISTURBED"]

    assert (found.state, "the busiest proxy used 95 % of a core over 5 s" in found.value) == (state, cpu > 0.8)


def test_a_plan_that_disturbs_nothing_has_no_such_condition(tmp_path: Path) -> None:
    assert "DISTURBED" not in conditions(synthetic_run(tmp_path))


def test_what_was_disturbed_is_named_wherever_a_run_is_reported(tmp_path: Path) -> None:
    run = synthetic_run(tmp_path, table=TABLE, facts=made(KILL, {**DELAY, "said": "40 pieces held back", "count": 40}))
    verdict = report(run.folder)
    page, summary = ((run.folder / name).read_text() for name in ("report.html", "summary.md"))

    assert verdict["verdict"] == "GO"
    VALIDATOR.validate(verdict)
    assert [one["disturb"] for one in verdict["run"]["disturbances"]] == ["kill target", "delay 20ms"]
    assert "<code>kill target</code>" in page
    assert page.count('class="disturbed"') >= 2
    assert "3 processes killed and started again" in page
    assert "- Disturbed: kill target at 5.3 s" in summary
    shown = "\n".join(line.plain for line in block(verdict, "somewhere", Room()))
    assert "disturbed: kill target at 5.3 s (killed); delay 20ms at 10.2 s (late)" in shown


def test_a_run_whose_disturbance_failed_is_invalid_for_that(tmp_path: Path) -> None:
    facts = made({**KILL, "failed": "no program kill"}, interrupted="kill target failed during the load")
    verdict = report(synthetic_run(tmp_path, table=TABLE, facts=facts).folder)

    assert verdict["verdict"] == "INVALID"
    assert verdict["reason"].startswith("Not valid, DISTURBED: kill target of killed failed: no program kill")


def test_a_service_that_dies_by_itself_is_no_go_whatever_was_announced(tmp_path: Path) -> None:
    died = {"url": "http://127.0.0.1:1", "ours": True, "services": {"api": 1}, "fault": None, "died": ["api"]}
    verdict = report(synthetic_run(tmp_path, table=TABLE, facts=made(KILL, DELAY, target=died)).folder)

    assert verdict["verdict"] == "NO-GO"
    assert "A process of service api died" in verdict["reason"]


def test_a_crash_of_postgres_that_nobody_announced_is_still_one(tmp_path: Path) -> None:
    crashed = {"errors": {}, "crashed": True}
    verdict = report(synthetic_run(tmp_path, table=TABLE, facts=made(KILL, DELAY, postgres=crashed)).folder)

    assert verdict["verdict"] == "INVALID"
    assert "PostgreSQL crashed during the run" in verdict["reason"]
