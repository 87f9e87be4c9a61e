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


@pytest.mark.parametrize("system", ["messages", "authorizations", "coupons", "event_store", "orchestrator"])
def test_the_table_has_each_check(system: str) -> None:
    found = checks(system)
    things = dict.fromkeys(check.of for check in found.values() if check.over is Over.THING)
    columns = [
        ", ".join(check.id for check in found.values() if check.over is Over.KEY),
        "; ".join(f"{thing}: " + ", ".join(one.id for one in found.values() if one.of == thing) for thing in things),
        ", ".join(check.id for check in found.values() if check.over is Over.DATABASE),
        ", ".join(check.id for check in found.values() if check.over is Over.RUN),
    ]

    assert " | ".join([system, *(column or "–" for column in columns)]) in LINES
