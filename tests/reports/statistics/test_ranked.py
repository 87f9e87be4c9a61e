"""Values are found by counting, of however many bins and parts, as if they had been sorted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.statistics import parts, ranked
from reports.statistics.ranked import Ranked
from reports.statistics.sums import variance

NUMBERS = st.floats(allow_nan=False) | st.sampled_from([0.0, 0.25, 0.25 + 2**-54, float("inf")])


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.data())
def test_a_value_is_at_its_place_however_it_is_counted(values: list[float], data: st.DataObject) -> None:
    places = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1, max_size=9))
    size, most = data.draw(st.integers(1, 20)), data.draw(st.integers(0, 90))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ranked, "FEW", 0)
        patched.setattr(ranked, "MOST", most)
        patched.setattr(parts, "PART", size)
        found = Ranked(np.array(values))

        assert found.at(places) == [sorted(values)[place] for place in places]
        # Others later, of the same counts.
        assert found.at([0, len(values) - 1]) == [min(values), max(values)]
        assert [found.until(values[0], one) for one in (True, False)] == [
            sum(value <= values[0] for value in values),
            sum(value < values[0] for value in values),
        ]


def test_many_alike_are_found_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranked, "FEW", 0)
    monkeypatch.setattr(ranked, "MOST", 160)
    values = np.concatenate([np.full(5_000, 0.01), np.random.default_rng(1).lognormal(-4, 1, 5_000), [np.inf] * 50])
    np.random.default_rng(2).shuffle(values)

    places = list(range(0, len(values), 97))
    assert Ranked(values).at(places) == np.sort(values)[places].tolist()


@pytest.mark.parametrize("count", [1, 1_000, 1_001, 5_432, 20_000])
def test_a_variance_is_numpys_to_the_bit(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(parts, "PART", 1_000)
    values = np.random.default_rng(count).lognormal(-4, 1, count)

    assert variance(values) == values.var()
    assert variance(values < 0.02) == (values < 0.02).var() == (values < 0.02).astype(float).var()
