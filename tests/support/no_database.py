"""Verification of a run without a database: what is there is as each test says."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness import effects
from harness.run import Run
from verification import __main__ as verification


def verify(run: Run, monkeypatch: pytest.MonkeyPatch, **about: Any) -> None:
    """Verify `run` by a system that finds nothing, but for what `about` replaces of it."""
    found = np.zeros(0, effects.fields(run.scenario.points))
    fake = {
        "checks_of": lambda _: [],
        "observe": lambda *_: SimpleNamespace(as_json=lambda: None),
        "case": lambda *_: SimpleNamespace(resolved=lambda: None, effects=lambda: found),
        "weakened": lambda _: [],
        "judge": lambda _: [],
        **about,
    }
    monkeypatch.setattr(verification.dividing.surroundings, "weakened", lambda _: [])
    monkeypatch.setattr(verification.dividing, "new_keys", lambda _: (0, 0))
    monkeypatch.setattr(verification, "system_of", lambda _: SimpleNamespace(**fake))
    verification.verify(run, "")
