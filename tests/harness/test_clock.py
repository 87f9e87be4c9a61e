"""The distance of another clock is known within the bounds of a round trip, however uneven that is."""

from time import monotonic_ns, sleep

import pytest

from harness import clock


@pytest.mark.parametrize("offset", [-(10**18), -1, 0, 7 * 10**9])
@pytest.mark.parametrize("uneven", [(0.0, 0.001), (0.001, 0.0), (0.0, 0.0)])
def test_the_bounds_hold_the_distance(offset: int, uneven: tuple[float, float]) -> None:
    def there() -> int:
        sleep(uneven[0])
        moment = monotonic_ns() + offset
        sleep(uneven[1])
        return moment

    least, most = clock.ahead(there)

    assert least <= offset <= most
