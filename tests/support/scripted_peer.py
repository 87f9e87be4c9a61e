"""A peer that speaks HTTP as a script says."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.load.http import Answer, Connection, Origin

Script = Callable[["Peer", socket.socket], None]


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Peer:
    """A server that does with its connections, one after the other, what it was told; counts the requests it got."""

    def __init__(self, *scripts: Script, host: str = "127.0.0.1", port: int = 0) -> None:
        self.listener = socket.create_server((host, port))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://{host}:{self.port}"
        self.requests = self.connections = 0
        self.heads: list[bytes] = []
        self.thread = threading.Thread(target=self._serve, args=(scripts,), daemon=True)
        self.thread.start()

    def _serve(self, scripts: tuple[Script, ...]) -> None:
        for script in scripts:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with sock:
                sock.settimeout(60)
                self.connections += 1
                try:
                    script(self, sock)
                except OSError:
                    continue

    def read(self, sock: socket.socket) -> bool:
        """Read one request; False if the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                return False
            data += more
        self.requests += 1
        self.heads.append(data)
        return True

    def close(self) -> None:
        """Take no more connections, and end."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=60)


@contextmanager
def serving(*scripts: Script) -> Iterator[tuple[Peer, Connection]]:
    """A peer that does with its n-th connection what the n-th script says, and a client of it."""
    server = Peer(*scripts)
    connection = Connection(Origin(server.url, 60))
    try:
        yield server, connection
    finally:
        connection.close()
        server.close()


def answering(*answers: bytes) -> Script:
    """To each request the next of `answers`; then the end of the connection."""

    def script(server: Peer, sock: socket.socket) -> None:
        for answer in answers:
            if not server.read(sock):
                return
            sock.sendall(answer)

    return script


def ask(connection: Connection) -> Answer:
    return connection.exchange(connection.origin.request("POST /x", b"{}"))


def names(*lookups: str) -> Callable[..., list[Any]]:
    """A name server: to each lookup the addresses of the next of `lookups`, with commas; to later ones the last."""
    left = list(lookups)

    def look_up(_name: str, port: int, **_: Any) -> list[Any]:
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found.split(",")]

    return look_up


TLS = Path(__file__).parent / "tls"


@contextmanager
def serving_tls(*scripts: Script) -> Iterator[tuple[Peer, list[str | None]]]:
    """The same through TLS, with a certificate for localhost; the names that clients asked for."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
    asked: list[str | None] = []
    context.sni_callback = lambda sock, name, context: asked.append(name)

    def wrapped(script: Script) -> Script:
        def inside(server: Peer, sock: socket.socket) -> None:
            with contextlib.suppress(ssl.SSLError), context.wrap_socket(sock, server_side=True) as secure:
                script(server, secure)

        return inside

    with serving(*map(wrapped, scripts)) as (server, _):
        yield server, asked
