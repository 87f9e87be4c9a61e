"""Numbers that a target tells in an answer of its own, such as how much it still has to write."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping

TIMEOUT_S = 0.5
MOST_BYTES = 1 << 20


class Gauges:
    """target.<name>: a number under a field of the JSON that a route answers."""

    def __init__(self, url: str, stated: Mapping[str, tuple[str, str]]) -> None:
        """`stated`: of each name the route (method and path) and the field."""
        self._url, self._stated = url.rstrip("/"), stated
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def sample(self) -> dict[str, float]:
        """Their current values; without those that it doesn't tell, or not in time."""
        answers: dict[str, object] = {}
        line: dict[str, float] = {}
        for name, (route, field) in self._stated.items():
            if route not in answers:
                answers[route] = self._asked(route)
            said = answers[route]
            value = said.get(field) if isinstance(said, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
                line[f"target.{name}"] = value
        return line

    def _asked(self, route: str) -> object:
        method, path = route.split(" ", 1)
        try:
            with self._open(urllib.request.Request(f"{self._url}{path}", method=method), timeout=TIMEOUT_S) as answer:
                return json.loads(answer.read(MOST_BYTES))
        except (OSError, ValueError, urllib.error.URLError):
            return None
