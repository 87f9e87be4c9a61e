"""A range of a Prometheus: what a query gave, from one time to another, step by step."""

import json
import math
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

from harness.errors import RunError

URL, TOKEN = "PROMETHEUS_URL", "PROMETHEUS_TOKEN"
"""The variables with the address of a Prometheus and, where it wants one, a bearer token."""
TIMEOUT_S = 60.0
MOST_BYTES = 64 << 20
MOST_POINTS = 11_000
"""So many points a series has at most, by Prometheus itself."""

Series = list[tuple[float, float]]
"""Points: time (s since 1970) and value."""


class Range(NamedTuple):
    """From when to when (s since 1970), and how far apart the points are (s)."""

    start: float
    end: float
    step: float


def fetch(url: str, query: str, over: Range) -> Series:
    """The one series that `query` gives in the Prometheus at `url`; without what is no number.

    RunError if it can't be asked, refuses the query, or there is no series or several.
    """
    words = {"query": query, "start": f"{over.start:.3f}", "end": f"{over.end:.3f}", "step": f"{over.step:g}"}
    address = f"{url.rstrip('/')}/api/v1/query_range"
    found = _asked(address, words).get("data", {}).get("result", [])
    if len(found) != 1:
        what = "nothing" if not found else f"{len(found)} series"
        raise RunError(f"{address}: {query} gives {what} in this range: expected one series; see the query there")
    return [(float(at), float(value)) for at, value in found[0]["values"] if math.isfinite(float(value))]


def _asked(address: str, words: dict[str, str]) -> dict[str, Any]:
    # By POST: a query can be longer than an address may be.
    request = urllib.request.Request(address, data=urllib.parse.urlencode(words).encode())
    if token := os.environ.get(TOKEN):
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with _opener(address).open(request, timeout=TIMEOUT_S) as answer:
            text = answer.read(MOST_BYTES)
    except urllib.error.HTTPError as error:
        raise RunError(f"{address}: {error.code}: {_said(error.read(MOST_BYTES))}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise RunError(f"{address}: {reason}: expected a Prometheus there: {URL}=http://HOST:9090") from None
    try:
        found = json.loads(text)
        if found["status"] == "success":
            return dict(found)
    except (ValueError, KeyError, TypeError):
        pass
    raise RunError(f"{address}: {_said(text)}: expected what a Prometheus answers; see {URL}")


def _opener(address: str) -> urllib.request.OpenerDirector:
    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    if address.startswith("https:"):
        context = ssl.create_default_context(cafile=os.environ.get("PERF_CA_FILE") or None)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)


def _said(text: bytes) -> str:
    """What is wrong, in its own words if it has any."""
    try:
        return str(json.loads(text)["error"])
    except (ValueError, KeyError, TypeError):
        return repr(text[:120])
