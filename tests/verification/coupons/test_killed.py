"""A target that is killed may lose what waited to be logged, and nothing else."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from harness import journaled
from harness.errors import JournalError
from harness.run import Run
from harness.stack.postgres import Postgres
from harness.stack.services import pids
from harness.stack.variant import Variant
from harness.verdict import CheckState
from tests.support.judged import judged, scenario_of
from verification.announced import Announced
from verification.coupons.loss import kill_of, too_early
from verification.coupons.rate import starts

pytestmark = pytest.mark.usefixtures("nurseries")


def test_what_was_answered_in_the_last_moments_may_be_lost() -> None:
    ended = np.array([0, 5, 7, 8, 10]) * 10**9

    assert too_early(ended, 10 * 10**9, 3.0).tolist() == [True, True, False, False, False]
    assert not too_early(ended, 10 * 10**9, 10.0).any()


def test_what_the_plan_killed_may_have_lost_what_was_answered_right_before() -> None:
    second = 10**9
    kills = [
        Announced("kill", "target", 10 * second, 12 * second, 15 * second),
        Announced("kill", "api", 20 * second, 22 * second, 25 * second),
    ]
    ended = np.array([6, 7, 10, 12, 13, 16, 17, 22, 23]) * second

    assert kill_of(ended, kills, 3.0).tolist() == [-1, 0, 0, 0, -1, -1, 1, 1, -1]


def test_a_target_that_the_plan_starts_anew_begins_with_full_buckets() -> None:
    second = 10**9
    announced = [
        Announced("kill", "target", 10 * second, 12 * second, 15 * second),
        Announced("restart", "api", 20 * second, 22 * second, 25 * second),
        Announced("kill", "postgres", 11 * second, 29 * second, 30 * second),
        Announced("stop", "target", 11 * second, 29 * second, 30 * second),
    ]
    until = np.array([9, 10, 15, 20, 40]) * second

    assert starts(announced, 5 * second, until).tolist() == [0, 1, 1, 2, 2]
    assert starts(announced, 13 * second, until[2:]).tolist() == [0, 1, 1]
    assert starts(announced, 23 * second, until[4:]).tolist() == [0]


def killing(run: Run) -> str | None:
    """Kill the API after some operations."""
    with suppress(JournalError, ProcessLookupError):
        if len(journaled.read(run.folder / "journal-0.bin").records) >= 150:
            os.kill(pids(run.folder)["api"][0], signal.SIGKILL)
    return None


def test_a_killed_target_loses_the_queue_and_no_order(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of("coupons"), Variant(), meanwhile=killing)
    states = {finding.id: finding for finding in found.findings}

    assert states["X1"].state is CheckState.HOLDS
    assert "may lose 10,000" in states["X1"].detail
    for check in ("U1", "U2", "U4", "USES", "LIMITS", "VERDICT", "X2", "X4"):
        assert states[check].state is CheckState.HOLDS, states[check].detail


def test_a_kill_that_was_announced_excuses_no_other_loss(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of("coupons", disturbed=True), Variant("batch_lost"))
    states = {finding.id: finding for finding in found.findings}

    assert states["X1"].state is CheckState.VIOLATED
    assert "not answered in the last moments before a kill" in states["X1"].detail
