"""What is planned for an instant is in its stage, however the clock of its machine is known to stand by then."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness import journaled
from harness.journal import RECORD
from harness.journaled import Journaled
from harness.machines import clocks
from reports.samples.samples import samples
from tests.support.plans import varied

SECOND = 1_000_000_000


class Slipping:
    """A clock that is 1,000 s ahead at second 0, and is found to be 5 µs less so later."""

    def shift(self, at: np.ndarray) -> np.ndarray:
        return np.where(at > 20 * SECOND, 1_000 * SECOND - 5_000, 1_000 * SECOND)

    def doubt(self, at: np.ndarray) -> np.ndarray:
        return np.full(len(at), 10_000)


def test_a_burst_stays_in_its_second(monkeypatch: pytest.MonkeyPatch) -> None:
    records = np.zeros(2, RECORD)
    records["sched"] = [11 * SECOND, 25 * SECOND]
    records["start"] = records["sched"] + 300
    records["end"] = records["start"] + 7_000
    monkeypatch.setattr(clocks, "read", lambda _: Slipping())
    written = Journaled(Path("journal-0.bin"), {"began": 10 * SECOND, "machine": 1, "worker": 0}, records)
    read = journaled.on_masters_clock(written)

    assert list(read.records["sched"] - read.header["began"]) == [SECOND, 15 * SECOND - 5_000]
    found = samples(varied("sustained"), [replace(read, header={**read.header, "kinds": ["process"]})], None).frame
    assert list(found.due) == [SECOND, 15 * SECOND]
    assert found["response_s"].tolist() == [7.3e-6, 7.3e-6]
    assert found["lag_s"].tolist() == [3e-7, 3e-7]
    assert list(read.records["end"] - read.records["sched"]) == [7_300, 7_300]
