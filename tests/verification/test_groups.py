"""Every check of every system says what it keeps, so that a report can sum them up."""

import pytest

from harness.check import Group
from harness.plan import plans, reading
from harness.project import module

SYSTEMS = plans.systems()


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_check_of_every_plan_has_a_group(system: str) -> None:
    found = module("verification", system)
    judged = getattr(found, "STORED", found)
    groups = {
        check.id: check.group
        for name in plans.scenarios(system)
        for check in judged.checks_of(reading.find(name, "smoke"))
    }

    assert {name for name, group in groups.items() if group is Group.OTHER} == set()
    assert {Group.LOST, Group.INVENTED, Group.TWICE, Group.CONTENT, Group.EXERCISED} <= set(groups.values())
