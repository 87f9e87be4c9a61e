"""The end of a load, noticed when it comes: Locust asks its shape once a second."""

import time
from collections.abc import Callable
from typing import Any

import gevent

ASKED_S = 1.0
"""How often Locust asks."""
LOOK_S = 0.02


class Ending:
    """What a shape has told Locust, and whether there is more to tell."""

    def __init__(self) -> None:
        self._told: Any = None

    def comes(self, told: Any, over: Callable[[], bool]) -> bool:
        """Whether a load is `over`, now or by the time that Locust asks again. What is `told` else, and is new, is not
        kept waiting.
        """
        until = time.monotonic() + (ASKED_S - LOOK_S if told == self._told else 0.0)
        self._told = told
        while not (ended := over()) and time.monotonic() < until:
            gevent.sleep(LOOK_S)
        return ended
