"""A PostgreSQL at loopback that processes in other namespaces reach too."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.stack import postgres
from tests.support.namespaces import Namespaces

FORWARD = """
import asyncio, sys
async def pipe(come, go):
    try:
        while data := await come.read(65536):
            go.write(data)
            await go.drain()
    finally:
        go.close()
async def serve(come, go):
    there, back = await asyncio.open_unix_connection(sys.argv[1])
    await asyncio.gather(pipe(come, back), pipe(there, go), return_exceptions=True)
async def main():
    async with await asyncio.start_server(serve, sys.argv[2], int(sys.argv[3])) as server:
        print("ready", flush=True)
        await server.serve_forever()
asyncio.run(main())
"""
"""Passes what comes to an address on to a socket in the file system, which all namespaces share."""


@contextmanager
def reachable(folder: Path, network: Namespaces) -> Iterator[str]:
    """The URL of an empty database, as all of them reach it."""
    home = folder / "server"
    postgres.folder(home).parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="pf-") as sockets:
        Path(sockets).chmod(0o777)
        server = postgres.start(home, {"unix_socket_directories": sockets})
        words = [sys.executable, "-c", FORWARD, f"{sockets}/.s.PGSQL.{server.port}", network.host, "6543"]
        forward = subprocess.Popen([*network.master, *words], stdout=subprocess.PIPE, text=True)
        try:
            assert forward.stdout
            assert forward.stdout.readline() == "ready\n"
            yield server.create("events").replace(f"127.0.0.1:{server.port}", f"{network.host}:6543")
        finally:
            forward.kill()
            forward.communicate()
            server.stop()
