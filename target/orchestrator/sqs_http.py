"""Calls of the SQS API over plain HTTP: JSON, signed, each sent exactly once; connections are kept."""

import asyncio
import os
from collections import deque
from typing import Any
from urllib.parse import urlsplit

import msgspec

from target.orchestrator.sqs_signing import Credentials, signed

MOST_CONNECTIONS = 10
TIMEOUT_S = 25.0
"""Longer than the longest poll."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SqsError(Exception):
    """What the service says of a call that failed as a whole."""


class SqsHttp:
    """The service at `url`."""

    def __init__(self, url: str, credentials: Credentials | None = None) -> None:
        """`credentials`: by default those of the environment, or what emulators take."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r}: expected an address such as http://127.0.0.1:9324")
        self.secure, self.name = parts.scheme == "https", parts.hostname
        self.port = parts.port or (443 if self.secure else 80)
        self.host = parts.netloc
        self.credentials = credentials or from_environment()
        self.idle: deque[Connection] = deque()
        self.free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """What `operation` answers; SqsError if it refuses, ConnectionError if no whole answer comes."""
        body = msgspec.json.encode(request)
        async with self.free, asyncio.timeout(TIMEOUT_S):
            connection = self.idle.pop() if self.idle else await self._open()
            try:
                status, said, stays = await self._exchange(connection, operation, body)
            except (asyncio.IncompleteReadError, ValueError) as error:
                connection[1].close()
                raise ConnectionError(f"{operation}: {error}") from None
            except BaseException:
                connection[1].close()
                raise
            if stays:
                self.idle.append(connection)
            else:
                connection[1].close()
        answer: dict[str, Any] = msgspec.json.decode(said) if said else {}
        if status != 200:
            raise SqsError(f"{operation}: {status} {answer.get('__type', '')}: {answer.get('message', '')}")
        return answer

    async def _open(self) -> Connection:
        return await asyncio.open_connection(self.name, self.port, ssl=self.secure or None)

    async def _exchange(self, connection: Connection, operation: str, body: bytes) -> tuple[int, bytes, bool]:
        """Status, body, and whether the connection stays open."""
        reader, writer = connection
        headers = signed(self.credentials, self.host, operation, body)
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = "".join(["POST / HTTP/1.1\r\n", *lines, f"content-length: {len(body)}\r\n\r\n"])
        writer.write(head.encode() + body)
        await writer.drain()
        version, code, *_ = (await reader.readuntil(b"\r\n")).split()
        status, length, chunked, stays = int(code), 0, False, version == b"HTTP/1.1"
        while (line := (await reader.readuntil(b"\r\n")).strip().lower()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
            stays = stays and not (name == b"connection" and b"close" in value)
            chunked = chunked or (name == b"transfer-encoding" and b"chunked" in value)
        if not chunked:
            return status, await reader.readexactly(length), stays
        parts = []
        while size := int(await reader.readuntil(b"\r\n"), 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readuntil(b"\r\n")
        return status, b"".join(parts), stays

    async def close(self) -> None:
        """Close what is kept."""
        while self.idle:
            self.idle.pop()[1].close()


def from_environment() -> Credentials:
    """Those of the variables that all tools of AWS have."""
    known = os.environ
    return Credentials(
        known.get("AWS_ACCESS_KEY_ID", "test"),
        known.get("AWS_SECRET_ACCESS_KEY", "test"),
        known.get("AWS_REGION") or known.get("AWS_DEFAULT_REGION") or "us-east-1",
        known.get("AWS_SESSION_TOKEN", ""),
    )
