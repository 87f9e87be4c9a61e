"""Verification that waits for quiescence without taking the time: its clock goes on by as long as it would have slept.

With a sleep that merely does nothing it would ask PostgreSQL again and again until the time is really over.
"""

import time
from collections.abc import Callable

import pytest

from verification import quiescence


def skip_waits(monkeypatch: pytest.MonkeyPatch, *steps: Callable[[], object]) -> None:
    """Take one of `steps`, if there are any, each time that the verification waits; the last one for ever."""
    left, slept = list(steps), 0.0

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += seconds
        if left:
            (left.pop(0) if len(left) > 1 else left[0])()

    monkeypatch.setattr(quiescence, "sleep", sleep)
    monkeypatch.setattr(quiescence, "monotonic", lambda: time.monotonic() + slept)
