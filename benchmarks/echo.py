"""A static target that tells how long it took: POST anything, get `{"us": n}`, its own time from the first byte on.

The facts of the "system" that it is are here too, for users that need one.
"""

import asyncio
import sys
import time
from typing import Any

import httptools

MIX = {"post": 1}
EXPECTED = {"post": ("ACK",)}


class Echo(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: Any) -> None:  # uvloop's transports are none of asyncio's classes
        """Get ready."""
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """Note when the request came."""
        self.began = time.perf_counter()
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        """Answer."""
        body = b'{"us":%d}' % ((time.perf_counter() - self.began) * 1e6)
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def main(port: int) -> None:
    """Serve on 127.0.0.1:`port` for ever."""
    server = await asyncio.get_running_loop().create_server(lambda: Echo(), "127.0.0.1", port, backlog=8192)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(int(sys.argv[1])))
