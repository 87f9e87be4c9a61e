"""Times, rates and shares as people write them: "1m30s", "100/s", "0.5%"; and back again."""

import re
from decimal import Decimal

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(us|ms|min|s|m|h)")


def seconds(text: object) -> float:
    """The seconds in a duration such as "500ms" or "1m30s", above 0; ValueError says what was expected."""
    if isinstance(text, str) and re.fullmatch(rf"(?:{_DURATION.pattern})+", text):
        total = sum(float(number) * SECONDS[unit] for number, unit in _DURATION.findall(text))
        if total > 0:
            return total
    raise ValueError(f'{text!r} is not a duration: expected a number above 0 with a unit, such as "500ms" or "1m30s"')


def duration(value: float) -> str:
    """Seconds for people: three significant digits in the unit that fits, "1 m 30 s" from a minute on."""
    if value >= 60:
        whole = round(value)
        hours, rest = divmod(whole, 3600)
        minutes, left = divmod(rest, 60)
        parts = [f"{hours} h" if hours else "", f"{minutes} m" if minutes else "", f"{left} s" if left else ""]
        return " ".join(part for part in parts if part)
    if abs(value) >= 0.9995:  # what would round up to 1,000 ms
        return f"{value:.3g} s"
    return f"{_three(value * 1e3)} ms"


def share(value: float) -> str:
    """A share for people: 0.0123 → "1.23 %"; something that is not 0 never reads as 0."""
    return f"{_three(value * 100)} %"


def rate(value: float) -> str:
    """Something a second, for people."""
    if 0 < abs(value) < 0.1:
        return f"{_three(value)}/s"
    return f"{value:,.1f}/s" if abs(value) < 1000 else f"{value:,.0f}/s"


def _three(value: float) -> str:
    """Three significant digits, but all of those before the point, and no exponent; what is not 0 never reads as 0."""
    if abs(value) >= 999.5:
        return f"{value:,.0f}"
    return f"{Decimal(f'{value:.3g}'):f}"
