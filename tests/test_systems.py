"""Every system keeps what its checks promise: a clean target holds them all, and each fault is caught by its checks.

A new system needs no test here: it is found among the plans, and its short load is stated in tests/support/judged.py.
"""

from pathlib import Path

import numpy as np
import pytest

from harness.journal import read_all
from harness.outcomes import Outcome
from harness.plan import reading
from harness.stack.postgres import Postgres
from harness.stack.services import KEY
from harness.stack.variant import Variant
from harness.verdict import CheckState
from target import faults
from tests.support import judged as short
from tests.support.judged import judged, scenario_of
from tests.support.repeating_proxy import repeating

SYSTEMS = reading.systems()
CAUGHT = {
    system: {
        fault.name: fault
        for fault in faults.of(system).values()
        # What is caught otherwise says so: "rule:errors", "validity:statuses", "pairs".
        if all(":" not in check and check != "pairs" for check in fault.caught_by)
    }
    for system in SYSTEMS
}
AT_ONCE = {system: [names.split() for names in short.AT_ONCE.get(system, ())] for system in SYSTEMS}
LOADS = [
    pytest.param(system, names, id=f"{system}-{'+'.join(names)}")
    for system in SYSTEMS
    for names in [
        *AT_ONCE[system],
        *([name] for name in CAUGHT[system] if not any(name in names for names in AT_ONCE[system])),
    ]
]


pytestmark = pytest.mark.usefixtures("nurseries")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeding signs with it what the target then knows."""
    monkeypatch.setenv(KEY, "5e3ded" * 11)


def test_every_system_has_a_short_load() -> None:
    assert set(short.LOADS) == set(SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_clean_target_holds_every_check(system: str, cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of(system), Variant())

    assert found.checks(CheckState.VIOLATED) == found.checks(CheckState.UNDECIDED) == set()
    assert len(found.checks(CheckState.HOLDS)) > 5


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_proxy_that_repeats_requests_and_writes_ids_otherwise_is_no_fault_of_the_target(
    system: str, cluster: Postgres, tmp_path: Path
) -> None:
    found = judged(cluster, tmp_path, scenario_of(system), Variant(), repeating)
    journals = read_all(found.run.folder)
    may = [n for n, kind in enumerate(found.run.scenario.mix) if "REPLAY" in found.run.scenario.expected[kind]]
    outcomes = np.concatenate([one.records["outcome"][np.isin(one.records["kind"], may)] for one in journals])
    told = np.count_nonzero(outcomes == Outcome.REPLAY)

    assert found.checks(CheckState.VIOLATED) == found.checks(CheckState.UNDECIDED) == set()
    assert told > len(outcomes) / 6


@pytest.mark.parametrize("system", SYSTEMS)
def test_faults_of_one_load_are_told_apart_by_their_checks(system: str) -> None:
    at_once = [name for names in AT_ONCE[system] for name in names]

    assert len(at_once) == len(set(at_once))
    for names in AT_ONCE[system]:
        by = [check for name in names for check in CAUGHT[system][name].caught_by]
        assert len(by) == len(set(by)), names


@pytest.mark.parametrize(("system", "names"), LOADS)
def test_each_fault_is_caught_by_its_checks(system: str, names: list[str], cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of(system), Variant("+".join(names)))
    violated = found.checks(CheckState.VIOLATED)
    caught_by = {check for name in names for check in CAUGHT[system][name].caught_by}

    assert violated >= caught_by, {name for name in names if not violated >= set(CAUGHT[system][name].caught_by)}
    for finding in found.findings:
        if finding.state is CheckState.VIOLATED:
            assert finding.witnesses > 0
            assert finding.detail
            assert finding.first or finding.id not in caught_by or not finding.sql
