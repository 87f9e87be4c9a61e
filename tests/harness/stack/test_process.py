"""Processes that are ended."""

import subprocess
from typing import cast

from tests.support.nursery import Born, Nursery


def test_a_process_that_ends_unseen_is_not_signalled() -> None:
    """Between the look whether it goes on and the signal."""
    gone = subprocess.Popen(["true"])
    gone.wait()

    class Unseen(Born):
        def poll(self) -> int | None:
            return None

    Unseen(cast("Nursery", None), gone.pid).terminate()
