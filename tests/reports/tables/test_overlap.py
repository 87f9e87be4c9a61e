"""How many operations met others is counted, and not guessed from rates."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.journal import RECORD
from harness.journaled import Journaled
from reports.samples.samples import Samples
from reports.samples.samples import samples as of_journals
from reports.tables.overlap import in_flight, overlap, overlaps
from tests.support.plans import varied

NEVER = float("nan")
SCENARIO = varied("sustained")


def samples(spans: list[tuple[float, float]]) -> Samples:
    """Of operations from second to second; NaN: without an end."""
    records = np.zeros(len(spans), RECORD)
    for record, (start, end) in zip(records, spans, strict=True):
        record["sched"] = record["start"] = round((1 + start) * 1e9)
        record["end"] = 0 if np.isnan(end) else round((1 + end) * 1e9)
    header = {"worker": 0, "kinds": ["process"], "began": 10**9}
    return of_journals(SCENARIO, [Journaled(Path("journal-0.bin"), header, records)], None)


@pytest.mark.parametrize(
    ("spans", "at_once", "met"),
    [
        ([], 0, None),
        ([(0, 1)], 1, 0.0),
        ([(0, 1), (1, 2)], 1, 0.0),  # one after the other
        ([(0, 1), (0.5, 2)], 2, 1.0),
        ([(0, 9), (1, 2), (3, 4)], 2, 1.0),
        ([(0, 1), (2, 3), (2, 3), (2, 3)], 3, 0.75),
        ([(0, NEVER), (5, 6)], 2, 1.0),  # what never ended is still in flight
    ],
)
def test_the_most_at_once_and_the_share_that_met_another(
    spans: list[tuple[float, float]], at_once: int, met: float | None
) -> None:
    found = samples(spans)
    whole = np.ones(len(found.frame.counts), bool)
    assert overlap(overlaps(found), found.frame, whole) == {"at_once": at_once, "met": met}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=20))
def test_it_is_what_a_look_at_all_pairs_says(spans: list[tuple[int, int]]) -> None:
    found = [(float(begin), float(begin + length)) for begin, length in spans]
    [(_, flying, met)] = in_flight(samples(found))

    for place, (begin, end) in enumerate(found):
        others = found[:place] + found[place + 1 :]
        assert met[place] == sum(b < end and e > begin for b, e in others)
        assert flying[place] == 1 + sum(b <= begin < e for b, e in others)
    assert np.all(flying >= 1)
