"""Outcomes are counted kind by kind, however many kinds there are."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from verification.__main__ import outcomes


def test_each_of_forty_kinds_has_its_outcomes() -> None:
    kinds = [f"kind_{n:02d}" for n in range(40)]
    kind = np.repeat(np.arange(40), 2)
    outcome = np.tile([int(Outcome.ACK), int(Outcome.REJECT)], 40)
    sent: Any = SimpleNamespace(ops=pd.DataFrame({"kind": pd.Categorical.from_codes(kind, kinds), "outcome": outcome}))

    assert outcomes(sent) == {name: {"ACK": 1, "REJECT": 1} for name in kinds}
