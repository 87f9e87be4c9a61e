"""What the target says of what is still to be logged, after the load."""

import json
import time
import urllib.request
from dataclasses import dataclass
from urllib.error import URLError

from harness.run import Run
from verification.case import Found
from verification.ledger import Ledger

TIMEOUT_S = 2.0
POLL_S = 0.1


@dataclass(frozen=True)
class Queue:
    """How much was still to be logged when the time to drain was over, or before that nothing; None: not known."""

    left: int | None
    seconds: float
    why: str = ""
    """Why it is not known."""


def drained(run: Run, ledger: Ledger) -> Queue:
    """Wait until nothing waits any more, as long as effects may take and the plan's drain allows."""
    contract = run.scenario.contract
    url, name = (run.facts.get("target") or {}).get("url") or "", contract["log_queue"]
    if not url or not name:
        return Queue(None, 0.0, "health does not tell (log_queue)" if url else "no address of the target is known")
    began = time.monotonic()
    limit = began + run.scenario.eventual + run.scenario.drain_seconds
    method, path = contract["health"].split(" ", 1)
    opened = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    left, why = None, ""
    while True:
        try:
            with opened(urllib.request.Request(f"{url}{path}", method=method), timeout=TIMEOUT_S) as answer:
                left, why = int(json.loads(answer.read())[name]), ""
        except (OSError, ValueError, KeyError, TypeError, URLError) as error:
            why = f"{contract['health']}: {type(error).__name__}: {error}"
        if left == 0 or time.monotonic() > limit or (left is None and time.monotonic() > began + TIMEOUT_S):
            return Queue(left, time.monotonic() - began, why if left is None else "")
        time.sleep(POLL_S)


def empty(queue: Queue) -> Found:
    """QUEUE. Nothing waits any more."""
    if queue.left is None:
        return Found(0, detail=queue.why)
    if queue.left:
        return Found(
            1,
            queue.left,
            f"{queue.left:,} validations were still to be logged {queue.seconds:.1f} s after the load",
            {"left": queue.left},
        )
    return Found(1)
