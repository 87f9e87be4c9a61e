"""The k-th of what is chosen is chosen k^−ZIPF times as often as the first."""

import pytest

from systems.zipf import ZIPF, Zipf


def test_each_has_its_share_of_the_chances() -> None:
    numbers = [40, 10, 30, 20]
    steps = 100_000
    drawn = [Zipf(numbers).draw((step + 0.5) / steps) for step in range(steps)]
    first = drawn.count(40)

    for place, number in enumerate(numbers, 1):
        assert drawn.count(number) / first == pytest.approx(place**-ZIPF, rel=0.001)


@pytest.mark.parametrize("chance", [0.0, 0.999999999, 1.0])
def test_every_chance_chooses_one(chance: float) -> None:
    assert Zipf([7, 8]).draw(chance) in (7, 8)
