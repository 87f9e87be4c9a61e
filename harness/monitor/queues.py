"""How full the queues of a target are, as it tells itself: how much waits, is in flight, and for how long."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 0.5
MOST_BYTES = 1 << 20
MOST = 50
"""So many queues are sampled one by one; more count in the sums only."""
FIELDS = {"depth": "depth", "in_flight": "inFlight", "oldest": "oldestSeconds", "redelivered": "redelivered"}
"""The names of the samples, and of the fields of the answer."""
DEAD = "deadLetters"
WORST = ("oldest", "redelivered")
"""Of all queues together that of the worst; the others are sums."""


class Queues:
    """queue.depth, queue.in_flight, queue.oldest (s) and queue.redelivered (the share of deliveries that were not the
    first) of all together; queue.<name>.depth and so on of each. queue.dead is how many dead letters there are: no
    service takes them, and they count nowhere else.
    """

    def __init__(self, url: str, route: str) -> None:
        """`route`: method and path. Its answer has `queues`: of each name depth, inFlight, oldestSeconds, and whether
        it is that of deadLetters.
        """
        method, path = route.split(" ", 1)
        self._request = urllib.request.Request(f"{url.rstrip('/')}{path}", method=method)
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def sample(self) -> dict[str, float]:
        """Their current values; nothing if the target doesn't tell them, or not in time."""
        try:
            with self._open(self._request, timeout=TIMEOUT_S) as answer:
                return line(json.loads(answer.read(MOST_BYTES)))
        except (OSError, ValueError, urllib.error.URLError):
            return {}


def line(said: Any) -> dict[str, float]:
    """The samples in an answer; without what is no number."""
    queues = said.get("queues") if isinstance(said, Mapping) else None
    if not isinstance(queues, Mapping):
        return {}
    served = {name: one for name, one in queues.items() if isinstance(one, Mapping) and not one.get(DEAD)}
    found: dict[str, float] = {}
    for name, field in FIELDS.items():
        values = {queue: float(one[field]) for queue, one in served.items() if _is_number(one.get(field))}
        if not values:
            continue
        found[f"queue.{name}"] = max(values.values()) if name in WORST else sum(values.values())
        found |= {f"queue.{queue}.{name}": value for queue, value in list(values.items())[:MOST]}
    letters = [one["depth"] for one in queues.values() if isinstance(one, Mapping) and one.get(DEAD) and "depth" in one]
    if letters and all(map(_is_number, letters)):
        found["queue.dead"] = float(sum(letters))
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value
