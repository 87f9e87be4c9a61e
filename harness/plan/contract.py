"""What a value of a [contract] must be like that of the reference in: users send it and judge answers by it."""

import re
from typing import Any

ROUTE = re.compile(r"[A-Z]+ /[!-~]*")
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
STATUSES = range(100, 600)


def unlike(key: str, value: Any, known: Any) -> str | None:
    """What a value of a contract must be like `known`, that of the reference, in; None if it is."""
    if isinstance(known, int):
        return None if known not in STATUSES or value in STATUSES else "a status, 100 to 599"
    if not isinstance(known, str):
        return None
    if ROUTE.fullmatch(known) and not ROUTE.fullmatch(value):
        return f"a method and a path, such as {known!r}"
    if key.endswith("_header") and value and not HEADER.fullmatch(value):
        return f"the name of a header, such as {known!r}"
    if not value.isprintable():
        return "no control characters"
    places = set(re.findall(r"\{(\w+)\}", known))
    if not set(re.findall(r"\{(\w+)\}", value)) <= places:
        return f"no other places than {', '.join(f'{{{place}}}' for place in sorted(places)) or 'none'}"
    return None
