"""Coupons are kept in memory, and looked up again once something of theirs was changed, by whichever process."""

import mmap
import time
from zlib import crc32

from target.coupons.rules import Asked, Row, Said
from target.coupons.store import Store

TTL_S = 60.0
PLACES = 1 << 16

# Made before the processes are forked: a number for each code, which every change raises, seen by all of them.
_changes = memoryview(mmap.mmap(-1, PLACES * 8)).cast("q")


def _place(code: str) -> int:
    return crc32(code.encode()) % PLACES


class Cached(Store):
    """A coupon is looked up when it is not known, or has changed since; a change counts before it is answered."""

    async def open(self, url: str, connections: int, **more: str) -> None:
        """Nothing is known at first."""
        await super().open(url, connections, **more)
        self.known: dict[str, tuple[int, float, Row]] = {}

    async def look_up(self, code: str) -> Row | None:
        """The coupon as it is known, if nothing has changed since; else from the database."""
        # Read before the database is asked: what changes meanwhile makes what is found stale.
        changes = _changes[_place(code)]
        seen, until, row = self.known.get(code, (-1, 0.0, {}))
        if seen == changes and time.monotonic() < until:
            return row
        found = await super().look_up(code)
        if found is not None:
            self.known[code] = (changes, time.monotonic() + TTL_S, found)
        return found

    async def applied(self, asked: Asked, said: Said) -> Said:
        """A use is counted: its coupon has changed, before the answer says so."""
        try:
            return await super().applied(asked, said)
        finally:
            self.changed(asked.code)

    async def switch(self, code: str, status: str) -> Row | None:
        """Likewise, its status."""
        try:
            return await super().switch(code, status)
        finally:
            self.changed(code)

    def changed(self, code: str) -> None:
        """What is known of a coupon is so no more."""
        _changes[_place(code)] += 1
