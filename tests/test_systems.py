"""Every system keeps what its checks promise: a clean target holds them all, and each fault is caught by its checks.

A new system needs no test here: it is found among the plans, and its short load is stated in tests/support/judged.py.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from harness.journal import HEADER_BYTES, RECORD
from harness.journaled import read_all
from harness.outcomes import Outcome
from harness.plan import plans
from harness.run import Run
from harness.stack.postgres import Postgres
from harness.stack.services import KEY
from harness.stack.variant import Variant
from harness.verdict import CheckState
from target import faults
from target.faults import DISTURBED
from tests.support import judged as short
from tests.support.judged import judged, scenario_of
from tests.support.repeating_proxy import repeating

SYSTEMS = plans.systems()
SERVERS = [
    system
    for system in SYSTEMS
    if any("{port}" in each["start"] for each in plans.reference(system, "service").values())
]
"""Those that are asked over HTTP: the others are engines, which their users call."""
CAUGHT = {
    system: {
        fault.name: fault
        for fault in faults.of(system).values()
        # What is caught otherwise says so: "rule:errors", "validity:statuses", "pairs".
        if all(":" not in check and check != "pairs" for check in fault.caught_by)
    }
    for system in SYSTEMS
}
RESTARTED = {
    system: {
        fault.name: {check.removeprefix(DISTURBED) for check in fault.caught_by}
        for fault in faults.of(system).values()
        if all(check.startswith(DISTURBED) for check in fault.caught_by)
    }
    for system in SYSTEMS
}
"""The faults that only a disturbance shows, with their checks."""
AT_ONCE = {system: [names.split() for names in short.AT_ONCE.get(system, ())] for system in SYSTEMS}
LOADS_OF_A_FAULT = 3
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


KILLS = 3
"""So many are tried: one may come when the target has nothing in hand that it would lose."""


@pytest.mark.parametrize("system", [system for system in SYSTEMS if RESTARTED[system]])
def test_faults_of_a_restart_show_when_the_target_is_killed_and_only_then(
    system: str, cluster: Postgres, tmp_path: Path
) -> None:
    # One by one they are in `make fault-matrix`.
    variant = Variant("+".join(RESTARTED[system]))
    undisturbed = judged(cluster, tmp_path / "undisturbed", scenario_of(system), variant)
    shown: set[str] = set()
    due = set().union(*RESTARTED[system].values())
    for turn in range(KILLS):
        if not shown >= due:
            path = tmp_path / f"disturbed-{turn}"
            disturbed = judged(cluster, path, scenario_of(system, disturbed=True), variant)
            shown |= disturbed.checks(CheckState.VIOLATED)

    assert undisturbed.checks(CheckState.VIOLATED) == set()
    assert shown >= due
    assert [line["count"] > 0 for line in disturbed.run.facts["disturbances"]] == [True]
    assert disturbed.run.facts["target"]["died"] == []


@pytest.mark.parametrize("system", short.DISTURBED)
def test_a_clean_target_that_is_killed_holds_every_check(system: str, cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of(system, disturbed=True), Variant())

    assert found.checks(CheckState.VIOLATED) == found.checks(CheckState.UNDECIDED) == set()
    assert [line["count"] > 0 for line in found.run.facts["disturbances"]] == [True]


def test_every_system_has_a_short_load() -> None:
    assert set(short.LOADS) == set(SYSTEMS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_clean_target_holds_every_check(system: str, cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of(system), Variant(), again=cut_in_half)

    assert found.checks(CheckState.VIOLATED) == found.checks(CheckState.UNDECIDED) == set()
    assert len(found.checks(CheckState.HOLDS)) > 5
    # What a lost journal had is nobody's fault, and what can be judged without it still is.
    assert found.checks(CheckState.VIOLATED, again=True) == set()
    assert "X2" in found.checks(CheckState.UNDECIDED, again=True)
    assert found.checks(CheckState.HOLDS, again=True) >= {"X1", "X4", "X5"}


@pytest.mark.parametrize("system", ["coupons", "event_store", "orchestrator"])
def test_what_a_lost_process_did_is_nobodys_fault(
    system: str, cluster: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two, from the beginning on: what the other one was answered followed from its operations, too."""
    monkeypatch.setenv("PERF_PROCESSES", "2")
    found = judged(cluster, tmp_path, scenario_of(system), Variant(), again=lose_the_second)

    assert found.checks(CheckState.VIOLATED) == set()
    assert found.checks(CheckState.VIOLATED, again=True) == set()
    assert "X2" in found.checks(CheckState.UNDECIDED, again=True)
    assert found.checks(CheckState.HOLDS, again=True) >= {"X1", "X4", "X5"}


def lose_the_second(run: Run) -> None:
    """Lose all that the second load process left."""
    for path in run.folder.glob("*-1.*"):
        path.unlink()


def cut_in_half(run: Run) -> None:
    """Lose the second half of the journal, as where its machine was lost."""
    path = run.folder / "journal-0.bin"
    held = len(read_all(run.folder)[0].records) // 2
    with path.open("r+b") as file:
        file.truncate(HEADER_BYTES + held * RECORD.itemsize)


@pytest.mark.parametrize("system", SERVERS)
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
    """Within three loads: whether two meet, which some faults need, is chance in a load of seconds."""
    caught_by = {check for name in names for check in CAUGHT[system][name].caught_by}
    for load in range(LOADS_OF_A_FAULT):
        found = judged(cluster, tmp_path / str(load), scenario_of(system), Variant("+".join(names)))
        violated = found.checks(CheckState.VIOLATED)
        if violated >= caught_by:
            break

    assert violated >= caught_by, {name for name in names if not violated >= set(CAUGHT[system][name].caught_by)}
    for finding in found.findings:
        if finding.state is CheckState.VIOLATED:
            assert finding.witnesses > 0
            assert finding.detail
            # A sentence for people: all that it names of what is stored is filled in.
            assert re.fullmatch(r"[A-Z\d][^{}]*\.", finding.said, re.DOTALL), finding.said
            assert finding.first or finding.id not in caught_by or not finding.sql
