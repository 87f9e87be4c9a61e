"""Which address of a name the next connection goes to: all of them in turn, and last those that just failed."""

import os
import time
from collections.abc import Callable

from harness.addresses import Address

AVOIDED_S = 5.0
"""How long an address that could not be connected to comes after the others."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.01, 1.0
"""Between two lookups that bring nothing new; it doubles. Users who are all refused must not flood the name server."""


class Spread:
    """The addresses that `look_up` gives; asked again after a connection has failed."""

    def __init__(self, look_up: Callable[[], list[Address]]) -> None:
        """`look_up` raises OSError or UnicodeError if there are none."""
        self._look_up = look_up
        self._known: list[Address] = []
        self._outdated = True
        self._pause_s = self._not_before = 0.0
        # Several processes must not all begin with the same one.
        self._turn = os.getpid()
        self._avoided: dict[Address, float] = {}

    def addresses(self) -> list[Address]:
        """All of them, in the order in which to try them for a connection; raises like `look_up` if none is known."""
        now = time.monotonic()
        if self._outdated and now >= self._not_before:
            self._ask(now)
        self._turn += 1
        first = self._turn % len(self._known)
        in_turn = self._known[first:] + self._known[:first]
        return sorted(in_turn, key=lambda address: self._avoided.get(address, 0.0) > now)

    def failed(self, address: Address) -> None:
        """No connection to `address` was to be had."""
        self._avoided[address] = time.monotonic() + AVOIDED_S
        self._outdated = True

    def _ask(self, now: float) -> None:
        try:
            found = self._look_up()
        except (OSError, UnicodeError):
            if not self._known:
                raise
            # A name server that is down meanwhile is no reason to give up addresses that may be good.
            found = self._known
        new = set(found) != set(self._known)
        self._pause_s = 0.0 if new else min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        self._known, self._outdated, self._not_before = found, False, now + self._pause_s
