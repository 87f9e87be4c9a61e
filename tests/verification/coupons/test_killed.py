"""A target that is killed may lose what waited to be logged, and nothing else."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from harness import journal
from harness.errors import JournalError
from harness.run import Run
from harness.stack.postgres import Postgres
from harness.stack.services import pids
from harness.stack.variant import Variant
from harness.verdict import CheckState
from tests.support.judged import judged, scenario_of
from verification.coupons.loss import too_early

pytestmark = pytest.mark.usefixtures("nurseries")


def test_what_was_answered_in_the_last_moments_may_be_lost() -> None:
    ended = np.array([0, 5, 7, 8, 10]) * 10**9

    assert too_early(ended, 10 * 10**9, 3.0).tolist() == [True, True, False, False, False]
    assert not too_early(ended, 10 * 10**9, 10.0).any()


def killing(run: Run) -> str | None:
    """Kill the API after some operations."""
    with suppress(JournalError, ProcessLookupError):
        if len(journal.read(run.folder / "journal-0.bin").records) >= 150:
            os.kill(pids(run.folder)["api"][0], signal.SIGKILL)
    return None


def test_a_killed_target_loses_the_queue_and_no_order(cluster: Postgres, tmp_path: Path) -> None:
    found = judged(cluster, tmp_path, scenario_of("coupons"), Variant(), meanwhile=killing)
    states = {finding.id: finding for finding in found.findings}

    assert states["X1"].state is CheckState.HOLDS
    assert "may lose 10,000" in states["X1"].detail
    for check in ("U1", "U2", "U4", "USES", "LIMITS", "VERDICT", "X2", "X4"):
        assert states[check].state is CheckState.HOLDS, states[check].detail
