"""How many operations met others is counted, and not guessed from rates."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.samples.samples import Samples
from reports.tables.overlap import in_flight, overlap
from tests.support.plans import varied

NEVER = float("nan")


def samples(spans: list[tuple[float, float]]) -> Samples:
    frame = pd.DataFrame(spans, columns=["start", "end"], dtype=float)
    return Samples(varied("sustained"), (), frame, len(frame), None)


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
    assert overlap(*in_flight(samples(spans))) == {"at_once": at_once, "met": met}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=20))
def test_it_is_what_a_look_at_all_pairs_says(spans: list[tuple[int, int]]) -> None:
    found = [(float(begin), float(begin + length)) for begin, length in spans]
    flying, met = in_flight(samples(found))

    for place, (begin, end) in enumerate(found):
        others = found[:place] + found[place + 1 :]
        assert met[place] == sum(b < end and e > begin for b, e in others)
        assert flying[place] == 1 + sum(b <= begin < e for b, e in others)
    assert np.all(flying >= 1)
