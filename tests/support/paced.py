"""`python -m tests.support.paced --port N --pool N --rate 60`: the messages' API that does exactly so many a second.

What comes faster waits in a queue. The queue is reckoned with, not lived: however slow the machine is, as long as it
can do the rate at all, no time of the server is lost.
"""

import argparse
import asyncio
import functools
import os
import sys
from typing import Any

from target.faults import CLEAN
from target.messages import serve as messages
from target.serve import serve

CREDIT_S = 0.08
"""What a delay of the machine has cost is made up for, up to this."""


class Paced:
    """An application that begins a POST every 1/`rate` seconds."""

    def __init__(self, app: Any, rate: float) -> None:
        self._app, self._each = app, 1 / rate
        self._free = 0.0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            now = asyncio.get_running_loop().time()
            self._free = max(self._free, now - CREDIT_S) + self._each
            await asyncio.sleep(max(self._free - now, 0.0))
        await self._app(scope, receive, send)


def application(url: str, pool: int, rate: float) -> Any:
    """The API of the clean target, paced."""
    return Paced(messages(url, pool, CLEAN), rate)


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, kind in (("port", int), ("pool", int), ("rate", float)):
        parser.add_argument(f"--{name}", type=kind, required=True)
    words = parser.parse_args()
    return serve(functools.partial(application, os.environ["DATABASE_URL"], words.pool, words.rate), words.port, 1)


if __name__ == "__main__":
    sys.exit(main())
