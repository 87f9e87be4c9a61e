"""docs/integrity.md says of each check whether it is judged in parts."""

import re

import pytest

from harness.plan import plans, reading
from harness.settings import ROOT
from verification.checks import Check, Over
from verification.divided.judging import system_of

LINES = re.findall(r"^\| (.*) \|$", (ROOT / "docs" / "integrity.md").read_text(), re.MULTILINE)


def checks(system: str) -> dict[str, Check]:
    """Those of all scenarios of a system."""
    module, found = system_of(system), dict[str, Check]()
    for name in plans.scenarios(system):
        found |= {check.id: check for check in module.checks_of(reading.find(name, "smoke"))}
    return found


def test_the_table_has_each_check_of_messages() -> None:
    found = checks("messages")
    columns = [
        ", ".join(check.id for check in found.values() if check.over is over) or "–"
        for over in (Over.KEY, Over.DATABASE, Over.RUN)
    ]

    assert " | ".join(["messages", *columns]) in LINES


@pytest.mark.parametrize("system", ["authorizations", "coupons", "event_store", "orchestrator"])
def test_what_is_verified_as_a_whole_has_checks_of_all_keys(system: str) -> None:
    assert any(check.over is Over.RUN for check in checks(system).values())
