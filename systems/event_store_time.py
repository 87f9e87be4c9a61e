"""When seeded events happened: over half a year, mostly in business hours."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate

BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
"""A Monday."""
WEEKS = 26
OPENS, CLOSES = 8, 18
"""Business hours, Monday to Friday, in UTC."""
BUSY, QUIET, WEEKEND = 12.0, 1.0, 0.5
"""How many events an hour has, in proportion: of business, of a working day else, of a weekend."""
IN_HOURS = 0.7
"""At least that share of all events is of business hours."""


def _weight(hour: int) -> float:
    day, clock = divmod(hour % 168, 24)
    return WEEKEND if day > 4 else BUSY if OPENS <= clock < CLOSES else QUIET


_SUMS = [0.0, *accumulate(_weight(hour) for hour in range(WEEKS * 168))]
_HOURS = [(BEGAN + timedelta(hours=hour)).strftime("%Y-%m-%d %H:") for hour in range(WEEKS * 168)]


def moments() -> Callable[[float], str]:
    """Tells the time at which a share of all events has happened, as PostgreSQL writes it; for shares that grow."""
    hour = 0

    def when(share: float) -> str:
        nonlocal hour
        at = min(share, 0.999_999) * _SUMS[-1]
        while _SUMS[hour + 1] <= at:
            hour += 1
        micros = int((at - _SUMS[hour]) / (_SUMS[hour + 1] - _SUMS[hour]) * 3_600_000) * 1_000
        minute, micros = divmod(micros, 60_000_000)
        # PostgreSQL leaves out zeros at the end of a fraction.
        second = f"{micros // 1_000_000:02d}.{micros % 1_000_000:06d}".rstrip("0").rstrip(".")
        return f"{_HOURS[hour]}{minute:02d}:{second}+00"

    return when
