"""The probe reaches what the load reaches: every address of a name, through TLS too; none may be another service."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.errors import StackError
from harness.stack import health

TLS = Path(__file__).parents[2] / "support" / "tls"


@contextmanager
def serving(status: int, host: str = "127.0.0.1", port: int = 0, tls: bool = False) -> Iterator[int]:
    """A service that answers `status` to GET /health and 404 to all else: its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, port), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(TLS / "certificate.pem", TLS / "key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that gives each name these addresses of ours."""

    def name(*addresses: str) -> None:
        def look_up(_: str, port: int, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return name


@pytest.mark.parametrize(("status", "said"), [(200, None), (204, None), (302, "answers 302"), (503, "answers 503")])
def test_it_is_up_if_it_answers_2xx(status: int, said: str | None) -> None:
    with serving(status) as port:
        assert health.ask("GET", f"http://127.0.0.1:{port}/health") == said


def test_one_address_that_refuses_is_no_matter_if_another_answers(several: Any) -> None:
    several("127.0.0.3", "127.0.0.2")
    with serving(200, "127.0.0.2") as port:
        health.require(f"http://target.test:{port}", "GET /health")
        health.require(f"http://target.test:{port}", None)
    with pytest.raises(StackError, match="Connection refused: expected a target that answers 2xx"):
        health.require(f"http://target.test:{port}", "GET /health")


def test_all_that_can_be_connected_to_must_answer(several: Any) -> None:
    several("127.0.0.2", "127.0.0.3")
    with ExitStack() as stack:
        port = stack.enter_context(serving(200, "127.0.0.2"))
        stack.enter_context(serving(404, "127.0.0.3", port))
        with pytest.raises(StackError, match=r"answers 404 \(at 127.0.0.3, one of its 2 addresses\)"):
            health.require(f"http://target.test:{port}", "GET /health")


def test_what_the_load_trusts_the_probe_trusts() -> None:
    with serving(200, tls=True) as port:
        url = f"https://localhost:{port}"
        health.require(url, "GET /health", str(TLS / "certificate.pem"))
        with pytest.raises(StackError, match="certificate verify failed"):
            health.require(url, "GET /health")


def test_what_is_no_url_or_has_no_address_is_said() -> None:
    assert "Invalid IPv6 URL" in str(health.ask("GET", "http://[::1/health"))
    with pytest.raises(StackError, match="expected a target that listens"):
        health.require("http://a..b", None)


def test_what_speaks_no_http_is_said() -> None:
    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=answer)
        thread.start()
        assert "doesn't speak HTTP" in str(health.ask("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/health"))
        thread.join()
